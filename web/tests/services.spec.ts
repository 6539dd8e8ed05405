// Configured services: list, new, options, import, export, try it.
import { ask, callback, demo, empty, expect, open, service, test } from "./base";

test.describe("services", () => {
  test("the list shows health, queue and target", async ({ page }) => {
    await open(page, demo(), "/services", "Services");
    const row = page.getByRole("row", { name: /^demo/ });
    await expect(row).toContainText("VQ_Demo");
    await expect(row).toContainText(/Well|notes/);
  });

  test("health is judged without asking for a password", async ({ page }) => {
    await service(demo(), "secretive", { password: "hunter2-in-clear", _prioritty: "5" });
    const seen: string[] = [];
    page.on("request", (request) => seen.push(`${request.url()} ${request.postData() ?? ""}`));
    await open(page, demo(), "/services", "Services");
    await expect(page.getByRole("row", { name: /^secretive/ })).toContainText("notes");
    await expect(page.getByRole("row", { name: /^secretive/ })).not.toContainText("errors");
    expect(seen.some((one) => one.includes("/services/import?dry_run=true"))).toBe(true);
    expect(seen.filter((one) => /services\/export|hunter2/.test(one))).toEqual([]);
    await ask(demo(), "DELETE", "/api/v1/services/secretive");
  });

  test("without services the page says what to do", async ({ page }) => {
    await open(page, empty(), "/services", "Services");
    await expect(page.getByText("No services yet.")).toBeVisible();
  });

  test("a search that finds nothing says so", async ({ page }) => {
    await open(page, demo(), "/services", "Services");
    await page.getByLabel("Find a service").fill("zzz");
    await expect(page.getByText("No service has this in its name.")).toBeVisible();
  });

  test("a service is made from a template", async ({ page }) => {
    await open(page, demo(), "/services", "Services");
    await page.getByRole("button", { name: "New service" }).click();
    await page.getByLabel("Name").fill("fromtemplate");
    await page.getByRole("textbox", { name: "Template" }).click();
    await page.getByRole("option", { name: "Customer first" }).click();
    await page.getByRole("button", { name: "Make it" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "fromtemplate" })).toBeVisible();
    const { services } = await ask<{ services: { name: string; options: Record<string, string> }[] }>(demo(), "GET", "/api/v1/services");
    expect(services.find((one) => one.name === "fromtemplate")?.options._wait_for_agent).toBe("false");
  });

  test("who is called first is told as it is", async ({ page }) => {
    await service(demo(), "free");
    await service(demo(), "once", { _wait_for_agent: "false" });
    await service(demo(), "agents", { _userterminated_first_connect_party: "AGENT", _wait_for_agent: "false" });
    await open(page, demo(), "/services", "Services");
    await expect(page.getByRole("row", { name: /^free / })).toContainText("Customer, when an agent is free");
    await expect(page.getByRole("row", { name: /^once / })).toContainText("Customer, at once");
    await expect(page.getByRole("row", { name: /^agents / })).toContainText("Agent first");
    await page.getByRole("button", { name: "New service" }).click();
    await page.getByLabel("Name").fill("agentfirst");
    await page.getByRole("textbox", { name: "Template" }).click();
    await page.getByRole("option", { name: "Agent first" }).click();
    await page.getByRole("button", { name: "Make it" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "agentfirst" })).toBeVisible();
    await page.getByRole("link", { name: "Services" }).first().click();
    await expect(page.getByRole("row", { name: /^agentfirst/ })).toContainText("Agent first");
  });

  test("a name that is taken or impossible is refused in the form", async ({ page }) => {
    await open(page, demo(), "/services", "Services");
    await page.getByRole("button", { name: "New service" }).click();
    await page.getByLabel("Name").fill("demo");
    await expect(page.getByText("There is a service of this name")).toBeVisible();
    await page.getByLabel("Name").fill("a b");
    await page.getByRole("button", { name: "Make it" }).click();
    await expect(page.getByRole("alert")).toContainText("letters, digits");
  });

  test("an error stands at its field while typing and keeps from saving", async ({ page }) => {
    await service(demo(), "typing");
    await open(page, demo(), "/services/typing", "typing");
    await page.getByLabel("Find an option").fill("_ttl");
    const field = page.getByLabel("_ttl", { exact: true });
    await field.fill("soon");
    await expect(page.locator(".option").filter({ has: field })).toContainText("Allowed:");
    await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
    await field.fill("7200");
    await expect(page.getByRole("button", { name: "Save" })).toBeEnabled();
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Saved: 1 options")).toBeVisible();
    const { services } = await ask<{ services: { name: string; options: Record<string, string> }[] }>(demo(), "GET", "/api/v1/services");
    expect(services.find((one) => one.name === "typing")?.options._ttl).toBe("7200");
  });

  test("a change is discarded, an option goes back to its default", async ({ page }) => {
    await service(demo(), "resetting", { _ttl: "99" });
    await open(page, demo(), "/services/resetting", "resetting");
    await page.getByLabel("Find an option").fill("_ttl");
    await page.getByRole("button", { name: "Reset _ttl to its default" }).click();
    await expect(page.getByText("1 unsaved changes")).toBeVisible();
    await page.getByRole("button", { name: "Discard" }).click();
    await expect(page.getByLabel("_ttl", { exact: true })).toHaveValue("99");
  });

  test("sections, advanced parameters, defaults and status are shown", async ({ page }) => {
    await open(page, demo(), "/services/demo", "demo");
    const sections = page.getByRole("navigation", { name: "Sections" });
    await sections.getByRole("button", { name: /^General/ }).click();
    await expect(page.getByRole("heading", { level: 2, name: "General" })).toBeVisible();
    const before = await page.locator(".option").count();
    await page.getByRole("switch", { name: "Advanced Parameters" }).click();
    await expect(page.locator(".option")).not.toHaveCount(before);
    await expect(page.getByText(/^Default: /).first()).toBeVisible();
    await expect(page.getByText("pending", { exact: true }).first()).toBeVisible();
  });

  test("options are found by their meaning", async ({ page }) => {
    await open(page, demo(), "/services/demo", "demo");
    await page.getByLabel("Find an option").fill("greeting of a human");
    await expect(page.locator(".option").first()).toBeVisible();
    await page.getByLabel("Find an option").fill("no such words");
    await expect(page.getByText("No option has these words.")).toBeVisible();
  });

  test("an unknown service says so", async ({ page }) => {
    await open(page, demo(), "/services/nobody", "nobody");
    await expect(page.getByText("There is no service nobody.")).toBeVisible();
  });

  test("an import is reported first, errors by line, and stores nothing", async ({ page }) => {
    await open(page, demo(), "/services", "Services");
    await page.getByRole("button", { name: "Import" }).click();
    await page.getByRole("textbox", { name: "Text" }).fill("[service.imported]\n_type = ors\n_service = callback\n_ttl = soon\n");
    await page.getByRole("button", { name: "Check" }).click();
    await expect(page.getByRole("region", { name: "Report" })).toContainText("line 4");
    await expect(page.getByRole("dialog").getByRole("button", { name: "Import", exact: true })).toBeDisabled();
    await page
      .getByRole("textbox", { name: "Text" })
      .fill("[service.imported]\ntype = ors\n_service = callback\n_call_direction = USERTERMINATED\n_target = a@Stats.GA\n_urs_virtual_queue = VQ\n");
    await page.getByRole("button", { name: "Check" }).click();
    await expect(page.getByRole("region", { name: "Report" })).toContainText("No errors");
    await page.getByRole("dialog").getByRole("button", { name: "Import", exact: true }).click();
    await expect(page.getByText("1 services imported")).toBeVisible();
    await expect(page.getByRole("link", { name: "imported", exact: true })).toBeVisible();
  });

  test("the export is a file that an import reads", async ({ page }) => {
    await open(page, demo(), "/services", "Services");
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export" }).click();
    expect((await download).suggestedFilename()).toBe("services.ini");
  });

  test("a test callback shows its timeline", async ({ page }) => {
    await service(demo(), "trying");
    await open(page, demo(), "/services/trying", "trying");
    await page.getByRole("tab", { name: "Try it" }).click();
    await page.getByLabel("Number to call").fill("112");
    await page.getByRole("button", { name: "Call back" }).click();
    await expect(page.getByRole("alert")).toContainText(/emergency/i);
    await page.getByLabel("Number to call").fill("+12025550180");
    await page.getByRole("button", { name: "Call back" }).click();
    await expect(page.getByRole("list", { name: "What happened" })).toContainText("Waits in the virtual queue");
  });
});

test.describe("history and removal", () => {
  test("who changed what from what to what is told", async ({ page }) => {
    await service(demo(), "told", { _ttl: "600" });
    await open(page, demo(), "/services/told", "told");
    await page.getByLabel("Find an option").fill("_ttl");
    await page.getByLabel("_ttl", { exact: true }).fill("900");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("tab", { name: "History" }).click();
    const history = page.getByRole("region", { name: "History" });
    await expect(history).toContainText("_ttl from 600 to 900");
    await expect(history).toContainText("without login, from 127.0.0.1");
  });

  test("a service is removed, one with open callbacks is not", async ({ page }) => {
    await service(demo(), "going");
    const id = await callback(demo(), "going", "+12025550177");
    await open(page, demo(), "/services/going", "going");
    await page.getByRole("button", { name: "Remove the service" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await expect(page.getByRole("alert")).toContainText("1 callbacks of going are not over");
    await ask(demo(), "DELETE", `/api/v1/callbacks/${id}`);
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
    await expect(page.getByRole("link", { name: "going" })).toHaveCount(0);
  });
});
