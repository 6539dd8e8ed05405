// Transaction Lists: list, import with its report, edit, preview.
import { ask, demo, empty, expect, open, service, test } from "./base";

const LIST = "[properties]\n\n[_cbe_on_service_exit]\nnotify_params = c_termination_type\n";

test.describe("transactions", () => {
  test("without lists the page says what they are for", async ({ page }) => {
    await open(page, empty(), "/transactions", "Transactions");
    await expect(page.getByText("No Transaction Lists yet.")).toBeVisible();
  });

  test("an import names the list and reports by line", async ({ page }) => {
    await open(page, demo(), "/transactions", "Transactions");
    await page.getByRole("button", { name: "Import" }).click();
    await page.getByLabel("Name of the list").fill("Imported");
    await page.getByRole("textbox", { name: "Text" }).fill("[_cbe_on_service_exit]\nnotify_params = c_agent_id\nnotify_custom = {broken\n");
    await page.getByRole("button", { name: "Check" }).click();
    await expect(page.getByRole("region", { name: "Report" })).toContainText(/line 3/);
    await page.getByRole("textbox", { name: "Text" }).fill(LIST);
    await page.getByRole("dialog").getByRole("button", { name: "Import", exact: true }).click();
    await expect(page.getByText("List Imported is stored")).toBeVisible();
    await expect(page.getByRole("link", { name: "Imported" })).toBeVisible();
  });

  test("a new list begins with two events", async ({ page }) => {
    await open(page, demo(), "/transactions", "Transactions");
    await page.getByRole("button", { name: "New list" }).click();
    await page.getByLabel("Name").fill("Fresh");
    await page.getByRole("button", { name: "Make it" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Fresh" })).toBeVisible();
    await expect(page.getByRole("region", { name: "_cbe_on_service_create", exact: true })).toBeVisible();
  });

  test("the preview follows what is edited, and saving stores it", async ({ page }) => {
    await ask(demo(), "POST", "/api/v1/transactions/import?name=Edited", LIST);
    await open(page, demo(), "/transactions/Edited", "Edited");
    const body = page.getByRole("region", { name: "Body of _cbe_on_service_exit" });
    await expect(body).toContainText("AGENT_CONNECTED");
    const card = page.getByRole("region", { name: "_cbe_on_service_exit", exact: true });
    await card.getByLabel("Custom JSON, merged into the body").fill('{"source": "crm"}');
    await expect(body).toContainText('"source": "crm"');
    await expect(page.getByText("Unsaved changes")).toBeVisible();
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("List saved")).toBeVisible();
    await page.reload();
    await expect(card.getByLabel("Custom JSON, merged into the body")).toHaveValue('{"source": "crm"}');
  });

  test("custom data that is no JSON stands at its field and keeps from saving", async ({ page }) => {
    await ask(demo(), "POST", "/api/v1/transactions/import?name=Custom", LIST);
    await open(page, demo(), "/transactions/Custom", "Custom");
    await page.getByLabel("Custom JSON, merged into the body").fill("{broken");
    await expect(page.getByText(/This is no JSON/).first()).toBeVisible();
    await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
    await page.getByLabel("Custom JSON, merged into the body").fill("[1]");
    await expect(page.getByText("A JSON object is needed")).toBeVisible();
  });

  test("events are added and removed", async ({ page }) => {
    await ask(demo(), "POST", "/api/v1/transactions/import?name=Adding", LIST);
    await open(page, demo(), "/transactions/Adding", "Adding");
    await page.getByRole("textbox", { name: "Add an event" }).click();
    await page.getByRole("textbox", { name: "Add an event" }).fill("dial_init");
    await page.getByRole("option", { name: /_cbe_on_dial_init/ }).click();
    await expect(page.getByRole("region", { name: "Body of _cbe_on_dial_init" })).toContainText("c_dialed_number");
    await page.getByRole("button", { name: "Remove _cbe_on_service_exit" }).click();
    await expect(page.getByRole("region", { name: "Body of _cbe_on_service_exit" })).toHaveCount(0);
  });

  test("what was changed at a list is told", async ({ page }) => {
    await ask(demo(), "POST", "/api/v1/transactions/import?name=Told", LIST);
    await open(page, demo(), "/transactions/Told", "Told");
    await page.getByRole("button", { name: "Remove _cbe_on_service_exit" }).click();
    await page.getByLabel("_status_notification_language").fill("de");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("tab", { name: "History" }).click();
    const history = page.getByRole("region", { name: "History" });
    await expect(history.getByRole("listitem").filter({ hasText: "[_cbe_on_service_exit] removed" }).first()).toBeVisible();
    await expect(history).toContainText("[properties] _status_notification_language set to de");
    await expect(history).toContainText("without login, from 127.0.0.1");
  });

  test("the list tells which services use it", async ({ page }) => {
    await ask(demo(), "POST", "/api/v1/transactions/import?name=Used", LIST);
    await service(demo(), "user", { _callback_events_list: "Used" });
    await open(page, demo(), "/transactions", "Transactions");
    await expect(page.getByRole("row", { name: /^Used/ }).getByRole("link", { name: "user" })).toBeVisible();
  });

  test("a list is removed once no service names it", async ({ page }) => {
    await ask(demo(), "POST", "/api/v1/transactions/import?name=Leaving", LIST);
    await service(demo(), "leaver", { _callback_events_list: "Leaving" });
    await open(page, demo(), "/transactions/Leaving", "Leaving");
    await expect(page.getByRole("link", { name: "leaver" })).toBeVisible();
    await page.getByRole("button", { name: "Remove the list" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await expect(page.getByRole("dialog").getByRole("alert")).toContainText("It is in use by: leaver");
    await ask(demo(), "DELETE", "/api/v1/services/leaver");
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Transactions" })).toBeVisible();
    await expect(page.getByRole("link", { name: "Leaving" })).toHaveCount(0);
  });

  test("a list that is not there says so", async ({ page }) => {
    await open(page, demo(), "/transactions/nobody", "nobody");
    await expect(page.getByRole("alert")).toContainText("no such Transaction List");
  });
});
