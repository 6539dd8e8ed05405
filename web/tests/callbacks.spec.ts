// Callbacks: list, filters, live, create, cancel, reschedule, export, one of them.
import { ask, callback, demo, empty, expect, open, service, test } from "./base";

const TABLE = { name: "Callbacks" };

test.describe("callbacks", () => {
  test("without callbacks the page says so", async ({ page }) => {
    await open(page, empty(), "/callbacks", "Callbacks");
    await expect(page.getByText("No callbacks yet.")).toBeVisible();
  });

  test("the list shows the demo's traffic and filters narrow it", async ({ page }) => {
    await open(page, demo(), "/callbacks", "Callbacks");
    await expect(page.getByRole("link", { name: "+12025550104" })).toBeVisible();
    await page.getByRole("textbox", { name: "Number" }).fill("+12025550104");
    await expect(page.getByText("1 found")).toBeVisible();
    await page.getByRole("textbox", { name: "Number" }).fill("+12025559999");
    await expect(page.getByText("No callback matches.")).toBeVisible();
    await page.getByRole("button", { name: "Clear filters" }).first().click();
    await expect(page.getByRole("link", { name: "+12025550104" })).toBeVisible();
  });

  test("filters stand in the address and several states can be chosen", async ({ page }) => {
    await page.goto(`${demo()}/ui/callbacks?state=COMPLETED&reason=FAIL_FAX_REACHED`);
    await expect(page.getByRole("link", { name: "+12025550105" })).toBeVisible();
    await expect(page.getByRole("link", { name: "+12025550104" })).toHaveCount(0);
    await page.getByRole("textbox", { name: "State" }).click({ force: true });
    await page.getByRole("option", { name: "QUEUED" }).click();
    await expect(page).toHaveURL(/state=COMPLETED&state=QUEUED/);
  });

  test("fast typing loses nothing, and the address follows", async ({ page }) => {
    await open(page, demo(), "/callbacks", "Callbacks");
    await page.getByRole("textbox", { name: "Number" }).pressSequentially("+12025550104", { delay: 15 });
    await expect(page.getByRole("textbox", { name: "Number" })).toHaveValue("+12025550104");
    await expect(page).toHaveURL(/number=%2B12025550104$/);
    await expect(page.getByText("1 found")).toBeVisible();
  });

  test("columns are chosen and kept", async ({ page }) => {
    await open(page, demo(), "/callbacks", "Callbacks");
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("checkbox", { name: "Id", exact: true }).check();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("columnheader", { name: "Id" })).toBeVisible();
    await page.reload();
    await expect(page.getByRole("columnheader", { name: "Id" })).toBeVisible();
  });

  test("what happens elsewhere appears by itself", async ({ page }) => {
    await service(demo(), "live");
    await page.goto(`${demo()}/ui/callbacks?service=live`);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    const before = await page.getByRole("table", TABLE).getByRole("row").count();
    await callback(demo(), "live", `+1202555${String(6000 + before).slice(0, 4)}`);
    await expect(page.getByRole("link", { name: /\+1202555/ }).first()).toBeVisible();
  });

  test("a callback is requested, with errors at their fields", async ({ page }) => {
    await service(demo(), "asking");
    await open(page, demo(), "/callbacks", "Callbacks");
    await page.getByRole("button", { name: "New callback" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Service" }).click();
    await page.getByRole("option", { name: "asking" }).click();
    await dialog.getByLabel("Number").fill("112");
    await dialog.getByRole("button", { name: "Request it" }).click();
    await expect(dialog.getByText(/emergency/i)).toBeVisible();
    await dialog.getByLabel("Number").fill("+12025550181");
    await dialog.getByLabel("Attached data").fill("no pair");
    await expect(dialog.getByText("No key = value: no pair")).toBeVisible();
    await dialog.getByLabel("Attached data").fill("topic = invoice");
    await dialog.getByRole("button", { name: "Request it" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "+12025550181" })).toBeVisible();
    await expect(page.getByText("invoice")).toBeVisible();
  });

  test("one callback shows its dials, what was heard and what was told", async ({ page }) => {
    await page.goto(`${demo()}/ui/callbacks?number=%2B12025550104`);
    await page.getByRole("link", { name: "+12025550104" }).click();
    const story = page.getByRole("list", { name: "What happened" });
    await expect(story).toContainText("Heard: machine");
    await expect(story).toContainText("answering machine (9)");
    await expect(story).toContainText("httpcb to http://127.0.0.1");
    await page.getByRole("tab", { name: /^Notifications \(\d+\)/ }).click();
    await expect(page.getByText("delivered").first()).toBeVisible();
    await page.getByRole("tab", { name: /^Event log/ }).click();
    await expect(page.getByRole("region", { name: /^Event log/ })).toContainText("rb.verdict");
    await page.getByRole("tab", { name: "Record" }).click();
    await expect(page.getByRole("region", { name: "Record" })).toContainText("FAIL_CALL_TO_CUSTOMER");
    await expect(page.getByRole("button", { name: "Reschedule" })).toHaveCount(0);
  });

  test("a callback is rescheduled and then cancelled", async ({ page }) => {
    await service(demo(), "moving");
    const id = await callback(demo(), "moving", "+12025550182");
    await open(page, demo(), `/callbacks/${id}`, "+12025550182");
    await page.getByRole("button", { name: "Reschedule" }).click();
    const soon = new Date(Date.now() + 36 * 3600_000).toISOString().slice(0, 16);
    await page.getByLabel("New time").fill(soon);
    await page.getByRole("dialog").getByRole("button", { name: "Reschedule" }).click();
    await expect(page.getByText("SCHEDULED", { exact: true }).first()).toBeVisible();
    await page.getByRole("button", { name: "Cancel it" }).click();
    const sent: string[] = [];
    page.on("request", (request) => request.method() === "DELETE" && sent.push(request.url()));
    await page.getByRole("button", { name: "Cancel the callback" }).dblclick({ noWaitAfter: true });
    await expect(page.getByText("CANCELLED", { exact: true })).toBeVisible();
    expect(sent, "a double click cancels once").toHaveLength(1);
    await expect(page.getByRole("button", { name: "Cancel it" })).toHaveCount(0);
  });

  test("a time too far ahead is refused in the dialog", async ({ page }) => {
    await service(demo(), "far");
    const id = await callback(demo(), "far", "+12025550183");
    await open(page, demo(), `/callbacks/${id}`, "+12025550183");
    await page.getByRole("button", { name: "Reschedule" }).click();
    await page.getByLabel("New time").fill("2099-01-01T10:00");
    await page.getByRole("dialog").getByRole("button", { name: "Reschedule" }).click();
    await expect(page.getByRole("dialog")).toContainText(/far|horizon|ahead|within/i);
  });

  test("many are cancelled after the count was shown", async ({ page }) => {
    await service(demo(), "many");
    for (let n = 0; n < 5; n += 1) await callback(demo(), "many", `+120255502${String(10 + n)}`);
    await page.goto(`${demo()}/ui/callbacks?service=many`);
    await expect(page.getByText("5 found")).toBeVisible();
    await page.getByRole("checkbox", { name: /^Choose/ }).first().check();
    await page.getByRole("button", { name: "Cancel 1" }).click();
    await page.getByRole("button", { name: "Cancel 1 callbacks" }).click();
    await expect(page.getByText("1 cancelled")).toBeVisible();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: /Cancel everything/ }).click();
    await expect(page.getByText("4 callbacks would be cancelled.")).toBeVisible();
    await page.getByRole("button", { name: "Cancel 4 callbacks" }).click();
    await expect(page.getByText("4 cancelled")).toBeVisible();
    const left = await ask<{ count: number }>(demo(), "GET", "/api/v1/callbacks/count?service=many&state=QUEUED");
    expect(left.count).toBe(0);
  });

  test("everything is cancelled although pages move while they are read, but nothing that came after the count", async ({ page }) => {
    // Stands for the server: a newer one comes in before each page is read, and others leave the set before it.
    const one = (n: number, made: string) => ({ _id: `id-${n}`, _customer_number: "+12025550100", _service_name: "x", _callback_state: "QUEUED", _rb_created: made });
    let left = Array.from({ length: 2500 }, (_, n) => one(2500 - n, `2026-01-01T00:00:00.${String(100 + (2500 - n) % 900)}Z`));
    const last = left.reduce((most, callback) => (callback._rb_created > most ? callback._rb_created : most), "");
    let pages = 0;
    const cancelled: string[] = [];
    await page.route(/\/api\/v1\/callbacks\?/, async (route) => {
      const query = new URL(route.request().url()).searchParams;
      const [skip, limit] = [Number(query.get("skip")), Number(query.get("limit"))];
      if (limit === 1000) {
        pages += 1;
        if (pages === 2) left = left.filter((callback) => !/^id-2[34]\d\d$/.test(callback._id));
        if (pages === 3) left = [one(9000, "2026-01-02T00:00:00.000Z"), ...left];
      }
      await route.fulfill({ json: { callbacks: left.slice(skip, skip + limit) } });
    });
    await page.route(/\/api\/v1\/callbacks\/bulk-cancel$/, async (route) => {
      const { ids } = route.request().postDataJSON() as { ids: string[] };
      const there = ids.filter((id) => left.some((callback) => callback._id === id));
      const refused = ids.filter((id) => !there.includes(id)).map((_id) => ({ _id, phrase: "", message: "it is over" }));
      left = left.filter((callback) => !there.includes(callback._id));
      cancelled.push(...ids);
      await route.fulfill({ json: { cancelled: there, refused } });
    });
    await open(page, demo(), "/callbacks", "Callbacks");
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: /Cancel everything/ }).click();
    await page.getByRole("button", { name: /^Cancel [\d,]+ callbacks$/ }).click();
    await expect(page.getByText("2300 cancelled")).toBeVisible();
    expect(new Set(cancelled).size, "each id is sent once").toBe(cancelled.length);
    expect(left.map((callback) => callback._id), `what came after ${last} stays`).toEqual(["id-9000"]);
  });

  test("what matches is exported", async ({ page }) => {
    await page.goto(`${demo()}/ui/callbacks?reason=FAIL_FAX_REACHED`);
    await page.getByRole("button", { name: "More" }).click();
    const link = page.getByRole("menuitem", { name: "Export as CSV" });
    await expect(link).toHaveAttribute("href", /reason=FAIL_FAX_REACHED/);
    const download = page.waitForEvent("download");
    await link.click();
    expect((await download).suggestedFilename()).toBe("callbacks.csv");
  });

  test("a callback that is not there says so", async ({ page }) => {
    await open(page, demo(), "/callbacks/1-none", "1-none");
    await expect(page.getByRole("alert")).toContainText("no such callback");
  });
});

test.describe("columns of the operator's own", () => {
  test("are shown with their titles and can be taken away", async ({ page }) => {
    await open(page, empty(), "/callbacks", "Callbacks");
    await page.getByRole("button", { name: "Columns" }).click();
    await expect(page.getByLabel("Region of the desk")).toBeChecked();
    await page.getByLabel("Region of the desk").click();
    await expect(page.getByLabel("Region of the desk")).not.toBeChecked();
  });
});
