// Sessions: the list, the chart that lights up, the log, an event, the end.
import { createServer, type Server } from "node:http";
import { ask, demo, empty, expect, open, test } from "./base";

const CHART = `<scxml version="1.0" datamodel="ecmascript" name="lights" initial="red" xmlns="http://www.w3.org/2005/07/scxml">
  <state id="red"><transition event="next" target="green"/></state>
  <state id="green"><onentry><log label="turn" expr="_event.data.who"/></onentry><transition event="next" target="red"/></state>
</scxml>`;

let documents: Server;
let address = "";

test.beforeAll(async () => {
  documents = createServer((_, answer) => answer.end(CHART));
  await new Promise<void>((ready) => documents.listen(0, "127.0.0.1", ready));
  const at = documents.address();
  address = `http://127.0.0.1:${typeof at === "object" ? at?.port : 0}/lights.scxml`;
});
test.afterAll(() => new Promise((done) => documents.close(done)));

const start = async () => (await ask<{ sessionId: string }>(demo(), "POST", "/scxml/session/start", { src: address })).sessionId;

test.describe("sessions", () => {
  test("without sessions the page says what they are", async ({ page }) => {
    await open(page, empty(), "/sessions", "Sessions");
    await expect(page.getByText("No SCXML session runs.")).toBeVisible();
  });

  test("a session is started from the page and its chart is drawn", async ({ page }) => {
    await open(page, demo(), "/sessions", "Sessions");
    await page.getByRole("button", { name: "Start a session" }).click();
    await page.getByLabel("Address of the document").fill(address);
    await page.getByRole("button", { name: "Start it" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "lights" })).toBeVisible();
    await expect(page.locator('[data-state="red"].active')).toHaveCount(1);
    await expect(page.getByText("Active: red")).toBeVisible();
  });

  test("a parameter that is no pair keeps a session from starting", async ({ page }) => {
    await open(page, demo(), "/sessions", "Sessions");
    await page.getByRole("button", { name: "Start a session" }).click();
    await page.getByLabel("Address of the document").fill(address);
    await page.getByLabel("Parameters").fill("who = me\nlost");
    await expect(page.getByText("No key = value: lost")).toBeVisible();
    await expect(page.getByRole("button", { name: "Start it" })).toBeDisabled();
    await page.getByLabel("Parameters").fill("who = me\n\n");
    await expect(page.getByRole("button", { name: "Start it" })).toBeEnabled();
  });

  test("a document that is not there is refused in the form", async ({ page }) => {
    await open(page, demo(), "/sessions", "Sessions");
    await page.getByRole("button", { name: "Start a session" }).click();
    await page.getByLabel("Address of the document").fill("http://127.0.0.1:9/none.scxml");
    await page.getByRole("button", { name: "Start it" }).click();
    await expect(page.getByRole("alert")).toContainText("src:");
  });

  test("the states light up as the session goes on, also without this page", async ({ page }) => {
    const id = await start();
    await open(page, demo(), `/sessions/${id}`, "lights");
    await expect(page.locator('[data-state="red"].active')).toHaveCount(1);
    await ask(demo(), "POST", `/api/v1/sessions/${id}/events`, { name: "next", data: { who: "somebody" } });
    await expect(page.locator('[data-state="green"].active')).toHaveCount(1);
    await expect(page.locator('[data-state="red"].active')).toHaveCount(0);
    await expect(page.getByRole("list", { name: "Log" })).toContainText("turn: somebody");
  });

  test("an event is sent with its data; what is no JSON cannot be sent", async ({ page }) => {
    const id = await start();
    await open(page, demo(), `/sessions/${id}`, "lights");
    await page.getByLabel("Name of the event").fill("next");
    await page.getByLabel("Data (JSON)").fill("{who");
    await expect(page.getByRole("button", { name: "Send", exact: true })).toBeDisabled();
    await page.getByLabel("Data (JSON)").fill('{"who": "the page"}');
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await expect(page.getByText("next is sent")).toBeVisible();
    await expect(page.getByText("Active: green")).toBeVisible();
    await page.getByLabel("Only what the document says").click();
    await expect(page.getByRole("list", { name: "Log" }).getByRole("listitem")).toHaveText(/turn: the page/);
  });

  test("the list follows what starts and ends", async ({ page }) => {
    await open(page, demo(), "/sessions", "Sessions");
    const id = await start();
    const row = page.getByRole("row").filter({ hasText: id });
    await expect(row).toContainText("Running");
    await page.getByRole("link", { name: "lights" }).first().click();
    await page.getByRole("button", { name: "End it" }).click();
    await page.getByRole("button", { name: "End the session" }).click();
    await expect(page.getByText("Ended", { exact: true }).first()).toBeVisible();
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Sessions" }).click();
    await page.getByLabel("Document, state, callback or id").fill(id);
    await expect(row).toContainText("Ended");
  });
});
