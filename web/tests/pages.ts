// The pages that are looked at for accessibility and by screenshots.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { ask, demo, service } from "./base";

export interface Shot {
  name: string;
  path: string;
  heading: string | RegExp;
  /** What is done before the look. */
  act?: (page: Page) => Promise<void>;
}

const LIST =
  "[properties]\n_status_notification_target = http://127.0.0.1:9/closed\n\n[_cbe_on_service_create]\nnotify_params = _service_name, _customer_number\n\n[_cbe_on_service_exit]\nnotify_params = c_termination_type, c_agent_id\nnotify_custom = {\"source\":\"ringback\"}\n";

/** Each test callback has a number of its own: a third one to the same would be refused. */
let tries = 0;

const SESSION = `<scxml version="1.0" datamodel="ecmascript" name="dial plugin" initial="both" xmlns="http://www.w3.org/2005/07/scxml">
  <parallel id="both">
    <state id="call" initial="asking">
      <state id="asking"><onentry><log label="asks" expr="'the customer for a choice'"/></onentry>
        <transition event="dialog.done" cond="true" target="routing"/><transition event="error.*" target="giving_up"/></state>
      <state id="routing"><transition event="agent.found" target="done"/></state>
      <state id="giving_up"><transition event="again" target="asking"/></state>
    </state>
    <state id="watch"><state id="within_time"><transition event="late" target="overdue"/></state><state id="overdue"/></state>
  </parallel>
  <final id="done"/>
</scxml>`;

/** The session that the pictures show; it is started once. */
export async function session(): Promise<string> {
  const { sessions } = await ask<{ sessions: { id: string; name?: string; state: string }[] }>(demo(), "GET", "/api/v1/sessions");
  const there = sessions.find((one) => one.name === "dial plugin" && one.state === "running");
  if (there) return there.id;
  const documents = createServer((_, answer) => answer.end(SESSION));
  await new Promise<void>((ready) => documents.listen(0, "127.0.0.1", ready));
  const at = documents.address() as AddressInfo;
  const src = `http://127.0.0.1:${at.port}/plugins/dial.scxml`;
  const { sessionId } = await ask<{ sessionId: string }>(demo(), "POST", "/scxml/session/start", { src, language: "de" });
  await ask(demo(), "POST", `/api/v1/sessions/${sessionId}/events`, { name: "dialog.done" });
  await new Promise((done) => documents.close(done));
  return sessionId;
}

/** Puts in what the pages show beside the demo's traffic. */
export async function furnish(): Promise<void> {
  await ask(demo(), "POST", "/api/v1/transactions/import?name=Events", LIST);
  await service(demo(), "sales", { _ttl: "3600" });
  await service(demo(), "sales", { _callback_events_list: "Events", _default_country: "DE" });
}

export async function shots(): Promise<Shot[]> {
  const { callbacks } = await ask<{ callbacks: { _id: string; _rb_user_data: { scenario?: string } }[] }>(
    demo(), "GET", "/api/v1/callbacks",
  );
  const machine = callbacks.find((one) => one._rb_user_data.scenario === "machine")?._id ?? "";
  const shown = await session();
  return [
    { name: "overview", path: "/overview", heading: "Overview" },
    { name: "services", path: "/services", heading: "Services" },
    { name: "service", path: "/services/demo", heading: "demo" },
    {
      name: "service-search", path: "/services/demo", heading: "demo",
      act: async (page) => {
        await page.getByLabel("Find an option").fill("ring");
        await page.getByRole("switch", { name: "Advanced Parameters" }).click();
        await page.getByRole("heading", { name: /^Found/ }).waitFor();
      },
    },
    {
      name: "service-new", path: "/services", heading: "Services",
      act: (page) => page.getByRole("button", { name: "New service" }).click(),
    },
    {
      name: "service-import", path: "/services", heading: "Services",
      act: async (page) => {
        await page.getByRole("button", { name: "Import" }).click();
        await page.getByRole("textbox", { name: "Text" }).fill("[service.new]\n_type = ors\n_ttl = soon\nttl_x = 5\n");
        await page.getByRole("button", { name: "Check" }).click();
        await page.getByText(/To be changed/).waitFor();
      },
    },
    { name: "transactions", path: "/transactions", heading: "Transactions" },
    {
      name: "transaction", path: "/transactions/Events", heading: "Events",
      act: async (page) => void (await page.getByText('"c_termination_type"').waitFor()),
    },
    {
      name: "transaction-history", path: "/transactions/Events", heading: "Events",
      act: (page) => page.getByRole("tab", { name: "History" }).click(),
    },
    { name: "callbacks", path: "/callbacks", heading: "Callbacks" },
    {
      name: "callback-new", path: "/callbacks", heading: "Callbacks",
      act: (page) => page.getByRole("button", { name: "New callback" }).click(),
    },
    {
      name: "callback", path: `/callbacks/${machine}`, heading: "+12025550104",
      act: async (page) => void (await page.getByText("Over", { exact: true }).waitFor()),
    },
    {
      name: "callback-record", path: `/callbacks/${machine}`, heading: "+12025550104",
      act: (page) => page.getByRole("tab", { name: "Record" }).click(),
    },
    {
      name: "notifications", path: "/notifications", heading: "Notifications",
      act: async (page) => void (await page.getByRole("button", { name: "Attempts: 1" }).first().click()),
    },
    {
      name: "receivers", path: "/notifications", heading: "Notifications",
      act: (page) => page.getByRole("tab", { name: "Receivers" }).click(),
    },
    { name: "agents", path: "/agents", heading: "Agents and trunks" },
    {
      name: "service-treatments", path: "/services/demo", heading: "demo",
      act: async (page) => {
        await page.getByLabel("Find an option").fill("_treatment");
        await page.getByRole("button", { name: /^Listen to/ }).first().waitFor();
      },
    },
    {
      name: "service-try", path: "/services/sales", heading: "sales",
      act: async (page) => {
        await page.getByRole("tab", { name: "Try it" }).click();
        await page.getByLabel("Number to call").fill(`+1202555${String(7000 + (tries += 1))}`);
        await page.getByRole("button", { name: "Call back" }).click();
        await page.getByRole("list", { name: "What happened" }).waitFor();
      },
    },
    {
      name: "service-history", path: "/services/sales", heading: "sales",
      act: (page) => page.getByRole("tab", { name: "History" }).click(),
    },
    {
      name: "treatments", path: "/treatments", heading: "Treatments",
      act: (page) => page.getByRole("row", { name: /next_customer_rep/ }).getByRole("button", { name: /^Listen/ }).click(),
    },
    { name: "sessions", path: "/sessions", heading: "Sessions", act: (page) => page.getByRole("link", { name: "dial plugin" }).first().waitFor() },
    {
      name: "session", path: `/sessions/${shown}`, heading: "dial plugin",
      act: async (page) => void (await page.locator('[data-state="routing"].active').waitFor()),
    },
    {
      name: "session-start", path: "/sessions", heading: "Sessions",
      act: (page) => page.getByRole("button", { name: "Start a session" }).click(),
    },
  ];
}
