// One callback: what happened, what was told to whom, what can be done now.
import { Button, Tabs, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { OPEN, iso } from "../api/callbacks";
import { api, good, type CallbackRecord } from "../api/client";
import { titleOf, useSessions } from "../api/sessions";
import { DeliveryList } from "../components/deliveries";
import { Dialog } from "../components/dialog";
import { Fact } from "../components/fact";
import { Empty, ErrorNote } from "../components/notes";
import { AskingButton } from "../components/question";
import { Status } from "../components/status";
import { Time } from "../components/time";
import { CallbackTimeline, useDeliveriesOf, useEvents } from "../components/timeline";
import { toast, toastError } from "../components/toasts";
import { t } from "../text";

export default function CallbackPage() {
  const { id = "" } = useParams();
  const record = useQuery({
    queryKey: ["callback", id, "record"],
    queryFn: () => good(api.GET("/api/v1/callbacks/{id}", { params: { path: { id } } })),
  });
  return (
    <div className="page">
      <div className="head">
        <Link to="/callbacks">{t("nav.callbacks")}</Link>
        <span aria-hidden="true">/</span>
        <h1>{record.data?._customer_number ?? id}</h1>
        {record.data && <Status word={record.data._callback_state} />}
        {record.data?._callback_reason && <span>{record.data._callback_reason}</span>}
        <span className="grow" />
        {record.data && <Actions record={record.data} />}
      </div>
      {record.error && <ErrorNote error={record.error} retry={() => void record.refetch()} />}
      {record.data && <Inside record={record.data} />}
    </div>
  );
}

function Actions({ record }: { record: CallbackRecord }) {
  const queries = useQueryClient();
  const [moving, setMoving] = useState(false);
  const id = record._id;
  const open = OPEN.includes(record._callback_state);
  const again = () => queries.invalidateQueries({ queryKey: ["callback", id] });
  const cancel = async () => {
    try {
      await good(api.DELETE("/api/v1/callbacks/{id}", { params: { path: { id } } }));
      toast(t("callback.cancelled"));
    } catch (error) {
      // It went on meanwhile: the page shows how it is, and the question does not stand any more.
      toastError(error);
    }
    await again();
  };
  if (!open) return null;
  return (
    <>
      <Button variant="default" onClick={() => setMoving(true)}>
        {t("callback.move")}
      </Button>
      <AskingButton
        title={t("callback.cancel")}
        question={t("callback.cancel.question", { number: record._customer_number })}
        action={t("callback.cancel.do")}
        run={cancel}
      />
      {moving && <Move id={id} onClose={() => void again().then(() => setMoving(false))} />}
    </>
  );
}

function Move({ id, onClose }: { id: string; onClose: () => void }) {
  const [time, setTime] = useState("");
  const [problem, setProblem] = useState("");
  const submit = async () => {
    try {
      const body = { desired_time: iso(time) };
      await good(api.PUT("/api/v1/callbacks/{id}", { params: { path: { id } }, body }));
      toast(t("callback.moved"));
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <Dialog opened onClose={onClose} title={t("callback.move")}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <TextInput
          type="datetime-local"
          label={t("callback.move.time")}
          data-autofocus
          required
          value={time}
          onChange={(event) => setTime(event.currentTarget.value)}
          error={problem || undefined}
        />
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.back")}
          </Button>
          <Button type="submit" disabled={iso(time) === ""}>
            {t("callback.move.do")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Inside({ record }: { record: CallbackRecord }) {
  const events = useEvents(record._id);
  const deliveries = useDeliveriesOf(record._id);
  return (
    <>
      <Summary record={record} />
      <Tabs defaultValue="timeline" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="timeline">{t("callback.timeline")}</Tabs.Tab>
          <Tabs.Tab value="deliveries">{t("callback.deliveries", { n: deliveries.data?.length ?? 0 })}</Tabs.Tab>
          <Tabs.Tab value="log">{t("callback.log", { n: events.data?.length ?? 0 })}</Tabs.Tab>
          <Tabs.Tab value="record">{t("callback.record")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="timeline" pt="md">
          <CallbackTimeline id={record._id} />
        </Tabs.Panel>
        <Tabs.Panel value="deliveries" pt="md">
          {deliveries.error && <ErrorNote error={deliveries.error} />}
          {deliveries.data?.length === 0 && <Empty>{t("callback.no_deliveries")}</Empty>}
          {deliveries.data && <DeliveryList deliveries={deliveries.data} linked={false} />}
        </Tabs.Panel>
        <Tabs.Panel value="log" pt="md">
          <pre className="pre" tabIndex={0} role="region" aria-label={t("callback.log", { n: "" })}>
            {(events.data ?? []).map((event) => JSON.stringify(event)).join("\n")}
          </pre>
        </Tabs.Panel>
        <Tabs.Panel value="record" pt="md">
          <pre className="pre" tabIndex={0} role="region" aria-label={t("callback.record")}>
            {JSON.stringify(record, null, 2)}
          </pre>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Summary({ record }: { record: CallbackRecord }) {
  const data = Object.entries((record._rb_user_data ?? {}) as Record<string, unknown>);
  const pending = Object.entries((record._rb_pending_options ?? {}) as Record<string, string>);
  const service = record._service_name;
  const sessions = (useSessions().data ?? []).filter((session) => session.callback_id === record._id);
  return (
    <div className="columns">
      <section className="card" aria-label={t("callback.facts")}>
        <dl className="facts">
          <dt>{t("column.service")}</dt>
          <dd>
            <Link to={`/services/${encodeURIComponent(service)}`}>{service}</Link>
          </dd>
          <dt>{t("column.desired")}</dt>
          <dd>
            <Time at={record._desired_time} />
          </dd>
          <dt>{t("column.created")}</dt>
          <dd>
            <Time at={record._rb_created} />
          </dd>
          <dt>{t("column.attempts")}</dt>
          <dd>{record._rb_attempts ?? 0}</dd>
          <dt>{t("column.agent")}</dt>
          <dd>{record._rb_agent ? <Link to={`/agents?find=${encodeURIComponent(String(record._rb_agent))}`}>{String(record._rb_agent)}</Link> : "–"}</dd>
          {sessions.length > 0 && (
            <>
              <dt>{t("callback.sessions")}</dt>
              <dd>
                {sessions.map((session) => (
                  <Link key={session.id} className="listed" to={`/sessions/${encodeURIComponent(session.id)}`}>
                    {titleOf(session) || session.id}
                  </Link>
                ))}
              </dd>
            </>
          )}
          <dt>{t("column.id")}</dt>
          <dd className="mono">{record._id}</dd>
        </dl>
      </section>
      <section className="card" aria-label={t("callback.data")}>
        <h2>{t("callback.data")}</h2>
        {data.length === 0 && <span className="quiet">{t("callback.no_data")}</span>}
        <dl className="facts">
          {data.map(([key, value]) => (
            <Fact key={key} own name={key} value={typeof value === "string" ? value : JSON.stringify(value)} />
          ))}
        </dl>
        {pending.length > 0 && (
          <>
            <h3>{t("callback.pending")}</h3>
            <dl className="facts small">
              {pending.map(([key, value]) => (
                <Fact key={key} own name={key} value={value} />
              ))}
            </dl>
          </>
        )}
      </section>
    </div>
  );
}
