// Overview, notifications, agents and trunks.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { en } from "../src/text/en";
import { ask, demo, empty, expect, open, service, callback, test } from "./base";

test.describe("overview", () => {
  test("figures lead to the callbacks they count", async ({ page }) => {
    await open(page, demo(), "/overview", "Overview");
    await page.getByRole("link", { name: /^Completed: \d+/ }).click();
    await expect(page).toHaveURL(/state=COMPLETED/);
    await expect(page.getByRole("link", { name: "+12025550104" })).toBeVisible();
  });

  test("queues and charts are drawn", async ({ page }) => {
    await service(demo(), "waiting");
    await callback(demo(), "waiting", "+12025550190");
    await open(page, demo(), "/overview", "Overview");
    await expect(page.getByRole("row", { name: /^VQ_waiting/ })).toBeVisible();
    await expect(page.getByRole("img", { name: /^Callbacks\. reached an agent: 2, ended otherwise: \d+, requested: \d+/ })).toBeVisible();
    await expect(page.getByRole("img", { name: /^Delivery attempts\. taken: \d\d/ })).toBeVisible();
    await page.getByText("12 hours").click();
    await expect(page.getByText(/^Counted since the server was started/)).toBeVisible();
    await page.reload();
    await expect(page.getByRole("radio", { name: "12 hours" })).toBeChecked();
  });

  test("many events do not make many large requests, and slow answers are seen", async ({ page }) => {
    await service(demo(), "busy");
    const asked = { lists: 0, overviews: 0, broken: 0 };
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (/\/(callbacks|deliveries)$/.test(pathname)) asked.lists += 1;
      if (pathname.endsWith("/overview")) asked.overviews += 1;
    });
    page.on("requestfailed", (request) => (asked.broken += request.url().endsWith("/overview") ? 1 : 0));
    await page.route("**/api/v1/overview", async (route) => {
      const answer = await route.fetch();
      await new Promise((next) => setTimeout(next, 700));
      await route.fulfill({ response: answer });
    });
    await open(page, demo(), "/overview", "Overview");
    const queue = page.getByRole("row", { name: /^VQ_busy/ });
    const began = Date.now();
    let made = 0;
    for (; Date.now() - began < 3000; made += 1) {
      await callback(demo(), "busy", `+1202555${3000 + made}`);
      await new Promise((next) => setTimeout(next, 100));
    }
    await expect(queue.getByRole("cell").nth(1)).toHaveText(String(made));
    const passed = Math.ceil((Date.now() - began) / 1000);
    expect(asked.lists, "by the clock").toBeLessThanOrEqual(2 + 2 * Math.ceil(passed / 5));
    expect(asked.overviews, "one after the other").toBeLessThanOrEqual(3 + (passed * 1000) / 700);
    expect(asked.broken, "at most what the clock asked").toBeLessThanOrEqual(1 + passed / 5);
  });

  test("what needs a hand is named", async ({ page }) => {
    await open(page, empty(), "/overview", "Overview");
    await expect(page.getByText("No trunk is configured: nobody can be called.")).toBeVisible();
  });
});

test.describe("texts", () => {
  test("every event of the catalogue has a name for people", async () => {
    const { events } = await ask<{ events: { event_id: string }[] }>(demo(), "GET", "/api/v1/events/catalogue");
    const nameless = events.map((event) => event.event_id).filter((id) => !(`event.${id}` in en));
    expect(nameless).toEqual([]);
  });
});

test.describe("notifications", () => {
  test("request and answer are shown where the service keeps them", async ({ page }) => {
    const receiver = createServer((request, answer) => {
      request.resume();
      answer.end("thank you");
    });
    await new Promise<void>((ready) => receiver.listen(0, "127.0.0.1", ready));
    const { port } = receiver.address() as AddressInfo;
    await service(demo(), "traced", {
      _enable_status_notification: "subscribe_notify", _status_notification_type: "httpcb",
      _status_notification_target: `http://127.0.0.1:${port}/traced`, _status_notification_debug: "true",
    });
    await callback(demo(), "traced", "+12025550191");
    await open(page, demo(), "/notifications", "Notifications");
    await page.getByLabel("Callback, event or receiver").fill("/traced");
    await page.getByRole("button", { name: /^Attempts: 1/ }).first().click();
    await expect(page.getByLabel("Request", { exact: true }).first()).toContainText("POST");
    await expect(page.getByLabel("Answer", { exact: true }).first()).toContainText("200");
    await new Promise((done) => receiver.close(done));
  });

  test("deliveries are filtered, searched and opened", async ({ page }) => {
    await open(page, demo(), "/notifications", "Notifications");
    await page.getByLabel("Callback, event or receiver").fill("dial_init");
    await page.getByRole("button", { name: /^Attempts: 1/ }).first().click();
    await expect(page.getByText("Request and answer are kept when")).toBeVisible();
    await page.getByLabel("Callback, event or receiver").fill("nonsense");
    await expect(page.getByText("No delivery matches.")).toBeVisible();
  });

  test("a delivery is opened in the timeline of its callback, and its state stands in the address", async ({ page }) => {
    await open(page, demo(), "/notifications?state=delivered", "Notifications");
    await expect(page.getByRole("radio", { name: "Delivered" })).toBeChecked();
    await page.getByRole("region", { name: "Deliveries" }).getByRole("link").first().click();
    const story = page.getByRole("list", { name: "What happened" });
    await story.getByRole("button", { name: "Attempts: 1" }).first().click();
    await expect(story).toContainText(/1\. .* HTTP 200/);
  });

  test("receivers are told with their health", async ({ page }) => {
    await open(page, demo(), "/notifications", "Notifications");
    await page.getByRole("tab", { name: "Receivers" }).click();
    await expect(page.getByRole("row", { name: /notifications/ }).first()).toContainText("ms");
  });

  test("a test message goes to those who match, and failures are tried again", async ({ page }) => {
    const wanted = {
      subscriberId: "crm", filter: "callback.test",
      notificationDetails: { deviceId: "http://127.0.0.1:9/closed", type: "httpcb" },
    };
    await ask(demo(), "POST", "/genesys/1/notification/subscribe", wanted);
    await open(page, demo(), "/notifications", "Notifications");
    await page.getByRole("tab", { name: "Subscriptions" }).click();
    await expect(page.getByRole("row", { name: /crm/ })).toBeVisible();
    await page.getByRole("button", { name: "Send a test message" }).click();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await expect(page.getByText("Sent to 1 subscriptions.")).toBeVisible();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("tab", { name: "Deliveries" }).click();
    await page.getByText(/^Pending \(/).click();
    await expect(page.getByRole("region", { name: "Deliveries" })).toContainText("closed");
  });

  test("without deliveries and subscriptions the page says so", async ({ page }) => {
    await open(page, empty(), "/notifications", "Notifications");
    await expect(page.getByText("Nothing was told to anybody yet.")).toBeVisible();
    await page.getByRole("tab", { name: "Subscriptions" }).click();
    await expect(page.getByText("Nobody has subscribed.")).toBeVisible();
  });
});

test.describe("agents and trunks", () => {
  test("an agent is set not ready with a reason and ready again", async ({ page }) => {
    await open(page, demo(), "/agents", "Agents and trunks");
    const row = page.getByRole("row", { name: /^dan/ });
    await row.getByRole("button", { name: "Set not ready" }).click();
    await page.getByLabel("Reason (may be empty)").fill("lunch");
    await page.getByRole("dialog").getByRole("button", { name: "Set not ready" }).click();
    await expect(row).toContainText("lunch");
    await row.getByRole("button", { name: "Set ready" }).click();
    await expect(row).toContainText("Ready");
  });

  test("agents are searched, phones and trunks are shown", async ({ page }) => {
    await open(page, demo(), "/agents", "Agents and trunks");
    await expect(page.getByRole("row", { name: /^carrier/ })).toContainText("Up");
    await expect(page.getByRole("row", { name: /^ada/ })).toContainText("registered");
    await page.getByLabel("Name, extension, group or state").fill("zzz");
    await expect(page.getByText("No agent matches.")).toBeVisible();
  });

  test("agents are imported with a report", async ({ page }) => {
    await open(page, empty(), "/agents", "Agents and trunks");
    await expect(page.getByText("No trunk is configured")).toBeVisible();
    await page.getByRole("button", { name: "Import agents" }).click();
    await page.getByRole("textbox", { name: "Text" }).fill("[agent.kim]\nextension = x\n");
    await page.getByRole("button", { name: "Check" }).click();
    await expect(page.getByRole("region", { name: "Report" })).toContainText("To be changed");
    await page.getByRole("textbox", { name: "Text" }).fill("[agent.kim]\nextension = 7001\npassword = secret-kim\ngroups = Billing\n");
    await page.getByRole("dialog").getByRole("button", { name: "Import", exact: true }).click();
    await expect(page.getByRole("row", { name: /^kim/ })).toContainText("not registered");
  });
});
