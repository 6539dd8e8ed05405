//! Every operation with its query, body and answer.

use super::{Answer, Body, Operation};

const fn op(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    answer: Answer,
) -> Operation {
    Operation {
        method,
        path,
        summary,
        query: &[],
        body: Body::Nothing,
        answer,
    }
}

impl Operation {
    const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    const fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

const LIST: &[(&str, &str)] = &[
    ("service", "only this service"),
    ("state", "one of these states; may be repeated"),
    ("reason", "one of these reasons; may be repeated"),
    ("number", "customer number in any writing"),
    ("from", "desired at this time or later"),
    ("until", "desired before this time"),
    ("data.<key>", "attached data with this value"),
    (
        "order",
        "desired (default): by desired time; newest: the last made first",
    ),
    ("skip", "leave out so many: earlier pages"),
    ("limit", "at most so many, 1 to 1000"),
];

const IMPORT: &[(&str, &str)] = &[
    ("dry_run", "true: report only, nothing is stored"),
    ("strict", "true: repairs are refused"),
];

const IMPORT_LIST: &[(&str, &str)] = &[
    ("name", "name that services refer to; mandatory"),
    ("dry_run", "true: report only, nothing is stored"),
    ("strict", "true: repairs are refused"),
];

const PLUGIN_ANSWER: &[(&str, &str)] = &[
    ("action", "cancel, route_to_agent, route_to_rp or retry"),
    (
        "message",
        "OK, interaction_deleted, or the destination of route_to_rp",
    ),
    ("customer_number", "number that later attempts dial"),
    ("customer_number_prefix", "prefix that later attempts dial"),
    ("delay", "seconds until the next attempt"),
];

pub(super) const OPERATIONS: &[Operation] = &[
    // Native.
    op(
        "get",
        "/api/v1/openapi.json",
        "This document",
        Answer::Json("Object"),
    ),
    op(
        "get",
        "/api/v1/session",
        "Whether a browser has to log in, and whether it has",
        Answer::Json("Session"),
    ),
    op(
        "post",
        "/api/v1/session",
        "Logs a browser in: the answer sets a cookie",
        Answer::Json("Session"),
    )
    .body(Body::Json("Login")),
    op(
        "delete",
        "/api/v1/session",
        "Logs a browser out",
        Answer::Json("Session"),
    ),
    op(
        "get",
        "/api/v1/services",
        "Every service with its options; passwords are hidden",
        Answer::Json("Services"),
    ),
    op(
        "get",
        "/api/v1/services/export",
        "All services as the text that an import reads",
        Answer::Other("text/plain"),
    ),
    op(
        "post",
        "/api/v1/services/import",
        "Imports services from INI text, all or nothing; 422 with the same report when refused",
        Answer::Json("ImportReport"),
    )
    .query(IMPORT)
    .body(Body::Text),
    op(
        "put",
        "/api/v1/services/{name}",
        "Makes a service or replaces its options; 422 with the same report when refused",
        Answer::Json("ImportReport"),
    )
    .query(IMPORT)
    .body(Body::Json("ServiceOptions")),
    op(
        "delete",
        "/api/v1/services/{name}",
        "Removes a service; 409 while callbacks of it are not over",
        Answer::Json("Object"),
    ),
    op(
        "get",
        "/api/v1/services/{name}/changes",
        "Who changed which options of a service from what to what, the last change first",
        Answer::Json("Changes"),
    ),
    op(
        "get",
        "/api/v1/agents",
        "Every agent with state, groups and skills",
        Answer::Json("Agents"),
    ),
    op(
        "post",
        "/api/v1/agents/import",
        "Imports agents from INI text, all or nothing; 422 with the same report when refused",
        Answer::Json("ImportReport"),
    )
    .query(IMPORT)
    .body(Body::Text),
    op(
        "delete",
        "/api/v1/agents/{id}",
        "Removes an agent; 409 while the agent is busy with a callback",
        Answer::Json("Object"),
    ),
    op(
        "post",
        "/api/v1/agents/{id}/state",
        "Sets an agent ready or not ready",
        Answer::Json("Agents"),
    )
    .body(Body::Json("AgentState")),
    op(
        "get",
        "/api/v1/callbacks",
        "Callbacks of all services by desired time, expired ones included",
        Answer::Json("Callbacks"),
    )
    .query(LIST),
    op(
        "post",
        "/api/v1/callbacks",
        "Starts or schedules a callback; the body is that of the compatible surface",
        Answer::Json("NativeCallback"),
    )
    .query(&[("service", "the service; mandatory")])
    .body(Body::Keys("Start")),
    op(
        "post",
        "/api/v1/callbacks/bulk-cancel",
        "Cancels many callbacks, each on its own: {ids} in, {cancelled, refused} out",
        Answer::Json("Object"),
    )
    .body(Body::Json("Object")),
    op(
        "get",
        "/api/v1/callbacks/count",
        "How many callbacks match, whatever skip and limit",
        Answer::Json("Count"),
    )
    .query(LIST),
    op(
        "get",
        "/api/v1/callbacks/export",
        "Callbacks as comma-separated text",
        Answer::Other("text/csv"),
    )
    .query(LIST),
    op(
        "get",
        "/api/v1/callbacks/{id}",
        "One callback, also one whose _ttl is over",
        Answer::Json("NativeCallback"),
    ),
    op(
        "put",
        "/api/v1/callbacks/{id}",
        "Gives a callback another time",
        Answer::Json("NativeCallback"),
    )
    .body(Body::Json("Reschedule")),
    op(
        "delete",
        "/api/v1/callbacks/{id}",
        "Cancels a callback of any service",
        Answer::Json("NativeCallback"),
    ),
    op(
        "get",
        "/api/v1/callbacks/{id}/events",
        "The event log of a callback",
        Answer::Json("Events"),
    ),
    op(
        "get",
        "/api/v1/deliveries",
        "Status notifications with their attempts",
        Answer::Json("Deliveries"),
    )
    .query(&[
        ("callback", "only those of this callback"),
        ("state", "pending, delivered or failed"),
        ("before", "made before the one with this id: the next page"),
        ("limit", "at most so many, 1000 otherwise"),
    ]),
    op(
        "post",
        "/api/v1/deliveries/retry",
        "Tries everything again that was given up",
        Answer::Json("Retried"),
    ),
    op(
        "post",
        "/api/v1/deliveries/{id}/retry",
        "Tries one delivery again that was given up",
        Answer::Json("Retried"),
    ),
    op(
        "get",
        "/api/v1/events/catalogue",
        "Every event with its family and attributes, and what Transaction Lists may ask for",
        Answer::Json("EventCatalogue"),
    ),
    op(
        "get",
        "/api/v1/events/tail",
        "The events of all callbacks as server-sent events; Last-Event-ID resumes",
        Answer::Other("text/event-stream"),
    )
    .query(&[(
        "since_id",
        "id of the last event seen; instead of the header",
    )]),
    op(
        "get",
        "/api/v1/subscriptions",
        "Who hears of what; credentials are hidden",
        Answer::Json("Subscriptions"),
    ),
    op(
        "post",
        "/api/v1/subscriptions/publish",
        "Sends a text to all whose filter matches a tag",
        Answer::Json("Published"),
    )
    .body(Body::Json("Message")),
    op(
        "get",
        "/api/v1/activity",
        "How often things happened in the last hours, since the server was started",
        Answer::Json("Activity"),
    )
    .query(&[
        ("minutes", "length of a span, 10 otherwise"),
        ("spans", "how many, 18 otherwise; 720 minutes together"),
    ]),
    op(
        "get",
        "/api/v1/overview",
        "How the site stands: callbacks by state, queues, readiness",
        Answer::Json("Overview"),
    ),
    op(
        "post",
        "/api/v1/transactions/preview",
        "The exact bodies that the text of a list would send for an invented callback",
        Answer::Json("Previews"),
    )
    .query(&[("service", "of this service; absent = one that sets nothing")])
    .body(Body::Text),
    op(
        "get",
        "/api/v1/transactions",
        "Every Transaction List with its parameters and events",
        Answer::Json("Transactions"),
    ),
    op(
        "delete",
        "/api/v1/transactions/{name}",
        "Removes a Transaction List; 409 while something names it",
        Answer::Json("Object"),
    ),
    op(
        "get",
        "/api/v1/transactions/{name}/changes",
        "Who changed which entries of a list from what to what, the last change first",
        Answer::Json("Changes"),
    ),
    op(
        "get",
        "/api/v1/transactions/{name}/export",
        "One Transaction List as the text that an import reads",
        Answer::Other("text/plain"),
    ),
    op(
        "post",
        "/api/v1/transactions/import",
        "Imports a Transaction List from INI text, all or nothing; 422 with the same report \
         when refused",
        Answer::Json("ImportReport"),
    )
    .query(IMPORT_LIST)
    .body(Body::Text),
    op(
        "get",
        "/api/v1/options",
        "The option catalogue with the status of every entry",
        Answer::Json("Options"),
    ),
    op(
        "get",
        "/api/v1/queues/{vq}/load",
        "How much a virtual queue has to do",
        Answer::Json("QueueLoad"),
    ),
    op(
        "get",
        "/api/v1/sessions",
        "SCXML sessions: the live ones, the youngest first, then the last ones that ended",
        Answer::Json("ScxmlSessions"),
    ),
    op(
        "get",
        "/api/v1/sessions/changes",
        "Sessions as they change, as server-sent events",
        Answer::Other("text/event-stream"),
    ),
    op(
        "get",
        "/api/v1/sessions/{id}",
        "Where a session stands, with its log",
        Answer::Json("ScxmlSession"),
    ),
    op(
        "delete",
        "/api/v1/sessions/{id}",
        "Ends a session",
        Answer::Json("Object"),
    ),
    op(
        "get",
        "/api/v1/sessions/{id}/chart",
        "The chart of a session as SVG; each state is a group with data-state",
        Answer::Other("image/svg+xml"),
    ),
    op(
        "post",
        "/api/v1/sessions/{id}/events",
        "Sends an external event to a session",
        Answer::Json("Object"),
    )
    .body(Body::Json("SessionEvent")),
    op(
        "get",
        "/api/v1/treatments",
        "Treatment files: those of the folder and the shipped ones, with the services that name them",
        Answer::Json("Treatments"),
    ),
    op(
        "get",
        "/api/v1/treatments/{name}",
        "A treatment as customers hear it",
        Answer::Other("audio/wav"),
    ),
    op(
        "put",
        "/api/v1/treatments/{name}",
        "Uploads an audio file of at most 10 MiB; what cannot be played is refused",
        Answer::Json("TreatmentStored"),
    )
    .body(Body::Bytes),
    op(
        "delete",
        "/api/v1/treatments/{name}",
        "Removes a file of the folder; 409 while a service names it",
        Answer::Json("Object"),
    ),
    op(
        "get",
        "/api/v1/trunks",
        "Trunks and how they stand",
        Answer::Json("Trunks"),
    ),
    op(
        "get",
        "/api/v1/ui",
        "What the configuration makes of the browser UI: columns for own parameters, what is off",
        Answer::Json("UiSettings"),
    ),
    op(
        "post",
        "/api/v1/backup",
        "A consistent copy of the running store",
        Answer::Other("application/vnd.sqlite3"),
    ),
    // Probes.
    op(
        "get",
        "/livez",
        "The process answers",
        Answer::Other("text/plain"),
    ),
    op(
        "get",
        "/readyz",
        "The server can take callbacks and dial; 503 while it cannot",
        Answer::Json("Readiness"),
    ),
    op(
        "get",
        "/metrics",
        "Metrics for Prometheus; operator credentials, or http.metrics_token as Bearer",
        Answer::Other("application/openmetrics-text"),
    ),
    // Compatible.
    op(
        "get",
        "{app}/1/service/callback",
        "One record by its id",
        Answer::Json("Record"),
    )
    .query(&[("_id", "id of the callback; mandatory")]),
    op(
        "post",
        "{app}/1/service/callback/{service}",
        "Starts or schedules a callback",
        Answer::Json("Record"),
    )
    .body(Body::Keys("Start")),
    op(
        "get",
        "{app}/1/service/callback/{service}",
        "Records that match, by desired time; at most 1000",
        Answer::Array("Record"),
    )
    .query(&[
        ("operand", "AND (default) or OR over the keys"),
        (
            "<key>",
            "a lookup key of the service, _id or _callback_state; may be repeated",
        ),
    ]),
    op(
        "get",
        "{app}/1/service/callback/{service}/{id}",
        "One record: the address that records tell as _url",
        Answer::Json("Record"),
    ),
    op(
        "put",
        "{app}/1/service/callback/{service}/{id}",
        "Changes time, attached data, target or priority; an empty body means now",
        Answer::Empty,
    )
    .body(Body::Keys("Update")),
    op(
        "delete",
        "{app}/1/service/callback/{service}/{id}",
        "Cancels a callback",
        Answer::Json("Object"),
    )
    .query(&[(
        "discard_ors_failure",
        "true or false; the built-in flow always confirms",
    )]),
    op(
        "get",
        "{app}/1/admin/callback/queues",
        "Records of many services for a supervisor, by service name",
        Answer::Json("Object"),
    )
    .query(&[
        ("target", "service names with commas; absent = all"),
        ("start_time", "desired at this time or later"),
        ("end_time", "desired before this time"),
        ("max", "records per service, 1 to 1000; default 500"),
        ("<key>", "a key of [callback] filter-keys; may be repeated"),
    ]),
    op(
        "get",
        "{app}/1/service/{id}/check-queue-position",
        "The place in the virtual queue",
        Answer::Json("Position"),
    ),
    op(
        "get",
        "{app}/1/service/{id}/storage",
        "Everything that apps keep with the callback",
        Answer::Json("Object"),
    ),
    op(
        "post",
        "{app}/1/service/{id}/storage",
        "Adds or replaces keys; parts with a file name are attachments",
        Answer::Json("Object"),
    )
    .body(Body::Keys("Object")),
    op(
        "get",
        "{app}/1/service/{id}/storage/{key}",
        "One key of the storage",
        Answer::Json("Object"),
    ),
    op(
        "delete",
        "{app}/1/service/{id}/storage/{key}",
        "Removes one key of the storage",
        Answer::Json("Object"),
    ),
    op(
        "get",
        "{app}/1/service/{id}/storage/binary/{key}",
        "The bytes of an attachment",
        Answer::Other("application/octet-stream"),
    ),
    op(
        "get",
        "{app}/1/service/{id}/{action}",
        "A step of the dialog before a call: menu shows the choices; confirm, later and cancel are \
         made with the token of the menu",
        Answer::Json("Object"),
    ),
    op(
        "post",
        "{app}/1/service/{id}/{action}",
        "A step of the dialog before a call: menu shows the choices; confirm, later and cancel are \
         made with the token of the menu",
        Answer::Json("Object"),
    ),
    op(
        "post",
        "{app}/1/notification/subscribe",
        "Subscribes a receiver to the tags that match a filter",
        Answer::Json("Subscribed"),
    )
    .body(Body::Json("Subscribe")),
    op(
        "post",
        "{app}/1/notification/publish",
        "Sends a message to all who subscribed to its tag",
        Answer::Json("Published"),
    )
    .body(Body::Json("Publish")),
    op(
        "post",
        "/scxml/session/start",
        "Starts an SCXML session; src is the document, idealtime (ms since 1970) when, other keys are its parameters",
        Answer::Json("Object"),
    )
    .body(Body::Keys("Object")),
    op(
        "post",
        "/scxml/basichttp/{session}",
        "A message for the BasicHTTP event processor of a session; _scxmleventname names the event",
        Answer::Json("Object"),
    )
    .body(Body::Keys("Object")),
    op(
        "get",
        "/scxml/session/{session}/query",
        "How a session stands",
        Answer::Json("Object"),
    ),
    op(
        "post",
        "/scxml/session/{session}/terminate",
        "Ends a session",
        Answer::Json("Object"),
    ),
    op(
        "post",
        "/scxml/session/{session}/event/{name}",
        "Sends an external event to a session; keys of body and query are its data",
        Answer::Json("Object"),
    )
    .body(Body::Keys("Object")),
    op(
        "get",
        "/scxml/session/{session}/request/{name}",
        "A request that a session answers; or an answer of an on-dial plugin in the query",
        Answer::Json("Accepted"),
    )
    .query(PLUGIN_ANSWER),
    op(
        "post",
        "/scxml/session/{session}/request/{name}",
        "A request that a session answers; or an answer of an on-dial plugin: the reply URL that it was told, with its token",
        Answer::Json("Accepted"),
    )
    .body(Body::Keys("PluginAnswer")),
    op(
        "get",
        "{app}/1/phonenumber",
        "What is known about a phone number",
        Answer::Json("Object"),
    )
    .query(&[
        ("number", "as dialed or written; mandatory"),
        (
            "country",
            "two letters for numbers without country code; default US",
        ),
        ("geocodingLocale", "echoed; names of places are not known"),
    ]),
    op(
        "get",
        "{app}/1/node",
        "Whether this node can work, for load balancers",
        Answer::Json("Readiness"),
    ),
];
