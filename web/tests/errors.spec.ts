// When things go wrong: the server is gone, restarts, refuses; and doing everything by keyboard.
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as socket, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "@playwright/test";
import { callback, demo, expect, open, service, test } from "./base";
import { startServer, stop } from "./setup";

/** A server of a test's own that can go and come back at the same address. */
class Own {
  private constructor(
    private readonly dir: string,
    private readonly config: string,
    private readonly port: number,
  ) {}
  private children: Parameters<typeof stop>[0][] = [];
  url = "";

  static async start(config = ""): Promise<Own> {
    const port = await new Promise<number>((found) => {
      const held = socket().listen(0, "127.0.0.1", () => {
        const { port } = held.address() as AddressInfo;
        held.close(() => found(port));
      });
    });
    const own = new Own(mkdtempSync(join(tmpdir(), "ringback-own-")), config, port);
    await own.come();
    return own;
  }

  async come(): Promise<void> {
    this.url = await startServer(this.dir, "own", this.config, this.children, this.port);
  }

  async go(): Promise<void> {
    await Promise.all(this.children.map(stop));
    this.children = [];
  }

  async end(): Promise<void> {
    await this.go();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

test.describe("the server is gone", () => {
  test("a page says so, keeps what it knows, and goes on by itself", async ({ page }) => {
    test.setTimeout(90_000);
    const own = await Own.start();
    try {
      await service(own.url, "desk");
      await callback(own.url, "desk", "+12025550150");
      await open(page, own.url, "/callbacks", "Callbacks");
      await expect(page.getByRole("link", { name: "+12025550150" })).toBeVisible();
      await own.go();
      await expect(page.getByText("The connection to the server is lost")).toBeVisible();
      await expect(page.getByRole("banner").getByRole("status")).toHaveText("Reconnecting");
      await page.getByRole("link", { name: "Services", exact: true }).click();
      await page.getByRole("link", { name: "Overview", exact: true }).click();
      await page.getByRole("link", { name: "Services", exact: true }).click();
      await own.come();
      await expect(page.getByText("The connection to the server is lost")).toHaveCount(0, { timeout: 30_000 });
      await expect(page.getByRole("link", { name: "desk" })).toBeVisible();
      await page.getByRole("link", { name: "Callbacks", exact: true }).click();
      await expect(page.getByRole("link", { name: "+12025550150" })).toBeVisible();
      await own.go();
      await page.getByRole("link", { name: "Services", exact: true }).click();
      await expect(page.getByText("The connection to the server is lost")).toBeVisible({ timeout: 20_000 });
      await expect(page.getByRole("link", { name: "desk" })).toBeVisible();
      await own.come();
      await expect(page.getByText("The connection to the server is lost")).toHaveCount(0, { timeout: 30_000 });
      await page.getByRole("link", { name: "Callbacks", exact: true }).click();
      await callback(own.url, "desk", "+12025550151");
      await expect(page.getByRole("link", { name: "+12025550151" })).toBeVisible();
    } finally {
      await own.end();
    }
  });

  test("what cannot be sent is told and stays in its form", async ({ page }) => {
    const own = await Own.start();
    try {
      await service(own.url, "desk");
      await open(page, own.url, "/callbacks", "Callbacks");
      await page.getByRole("button", { name: "New callback" }).click();
      await page.getByRole("dialog").getByRole("textbox", { name: "Number" }).fill("+12025550152");
      await own.go();
      await page.getByRole("button", { name: "Request it" }).click();
      await expect(page.getByRole("dialog").getByRole("alert")).toContainText("The server does not answer");
      await expect(page.getByRole("dialog").getByRole("textbox", { name: "Number" })).toHaveValue("+12025550152");
    } finally {
      await own.end();
    }
  });

  test("after a restart one logs in again and finds what was typed", async ({ page }) => {
    test.setTimeout(90_000);
    const own = await Own.start('[server]\nusername = "operator"\npassword = "correct horse"\n');
    const logIn = async () => {
      await page.getByLabel("User name").fill("operator");
      await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
      await page.getByRole("button", { name: "Log in" }).click();
    };
    try {
      await page.goto(`${own.url}/ui/services`);
      await logIn();
      await page.getByRole("button", { name: "New service" }).click();
      await page.getByLabel("Name").fill("desk");
      await page.getByRole("button", { name: "Make it" }).click();
      await page.getByLabel("Find an option").fill("_ttl");
      await page.getByLabel("_ttl", { exact: true }).fill("4321");
      await own.go();
      await own.come();
      await expect(page.getByText("Your session is over.")).toBeVisible({ timeout: 30_000 });
      await expect(page.getByRole("navigation")).toBeHidden();
      await logIn();
      await expect(page.getByLabel("_ttl", { exact: true })).toHaveValue("4321");
      await page.getByRole("button", { name: "Save" }).click();
      await expect(page.getByText("Saved: 1 options")).toBeVisible();
      await expect(page.getByRole("banner").getByRole("status")).toHaveText("Live", { timeout: 20_000 });
    } finally {
      await own.end();
    }
  });
});

test.describe("refusals", () => {
  test("a server that cannot take it now is told as that, with a way to try again", async ({ page }) => {
    let down = true;
    await page.route("**/api/v1/services", (route) =>
      down
        ? route.fulfill({
            status: 503, contentType: "application/problem+json",
            body: JSON.stringify({ title: "NOT_READY", status: 503, detail: "The server is overloaded, try again in a moment" }),
          })
        : route.continue(),
    );
    await open(page, demo(), "/services", "Services");
    await expect(page.getByRole("alert")).toContainText("The server cannot do that now");
    await expect(page.getByRole("alert")).toContainText("overloaded");
    down = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("link", { name: "demo" })).toBeVisible();
  });

  test("a third callback to one number stands at its field", async ({ page }) => {
    await service(demo(), "thrice", { _enable_in_queue_checking: "true" });
    for (let n = 0; n < 3; n += 1) {
      await open(page, demo(), "/callbacks", "Callbacks");
      await page.getByRole("button", { name: "New callback" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("combobox", { name: "Service" }).or(dialog.getByRole("textbox", { name: "Service" })).first().click();
      await page.getByRole("option", { name: "thrice" }).click();
      await dialog.getByRole("textbox", { name: "Number" }).fill("+12025550153");
      await dialog.getByRole("button", { name: "Request it" }).click();
      if (n < 2) await expect(dialog).toHaveCount(0);
    }
    await expect(page.getByRole("dialog").getByRole("textbox", { name: "Number" })).toHaveAttribute("aria-invalid", "true");
  });

  test("a callback that somebody else cancelled meanwhile is told, and shown as it is", async ({ page }) => {
    await service(demo(), "raced");
    const id = await callback(demo(), "raced", "+12025550154");
    // What happens elsewhere does not come through here.
    await page.route("**/api/v1/events/tail*", (route) => route.abort());
    await open(page, demo(), `/callbacks/${id}`, "+12025550154");
    await page.getByRole("button", { name: "Cancel it" }).click();
    await fetch(`${demo()}/api/v1/callbacks/${id}`, { method: "DELETE" });
    await page.getByRole("button", { name: "Cancel the callback" }).click();
    await expect(page.getByText("COMPLETED").first()).toBeVisible();
    await expect(page.getByText("CANCELLED").first()).toBeVisible();
  });
});

test.describe("plugin", () => {
  test("the steps of a plugin stand in the timeline", async ({ page }) => {
    const plugin = createServer((question, answer) => {
      question.resume();
      answer.setHeader("Content-Type", "application/json");
      answer.end(JSON.stringify({ action: "cancel", message: "OK" }));
    });
    await new Promise<void>((ready) => plugin.listen(0, "127.0.0.1", ready));
    const { port } = plugin.address() as AddressInfo;
    await service(demo(), "asking", {
      _wait_for_agent: "false", _target: "Demo@Stats.GA", _plugin_on_dial_url: `http://127.0.0.1:${port}/`, "rb.plugin_type": "http",
    });
    const id = await callback(demo(), "asking", "+12025550155");
    await open(page, demo(), `/callbacks/${id}`, "+12025550155");
    const story = page.getByRole("list", { name: "What happened" });
    await expect(story).toContainText("The plugin is asked", { timeout: 20_000 });
    await expect(story).toContainText("The plugin answered", { timeout: 20_000 });
    await expect(story).toContainText("cancel");
    await new Promise((done) => plugin.close(done));
  });
});

test.describe("keyboard", () => {
  /** Goes on with Tab until something has the focus; the ring has to be seen. */
  async function tabTo(page: Page, there: Locator): Promise<void> {
    const focused = () => there.evaluate((one) => one === document.activeElement).catch(() => false);
    for (let n = 0; n < 120 && !(await focused()); n += 1) await page.keyboard.press("Tab");
    await expect(there).toBeFocused();
    const seen = await there.evaluate((one) => {
      const style = getComputedStyle(one);
      const drawn = (name: string, from: CSSStyleDeclaration) => from.getPropertyValue(name);
      const outlined = drawn("outline-style", style) !== "none" && drawn("outline-width", style) !== "0px";
      // A field shows the focus by the colour of its border.
      return outlined || drawn("border-color", style) !== "" || drawn("box-shadow", style) !== "none";
    });
    expect(seen).toBe(true);
  }

  test("a service is made, changed and tried without a mouse", async ({ page }) => {
    const { keyboard } = page;
    await open(page, demo(), "/overview", "Overview");
    await tabTo(page, page.getByRole("link", { name: "Services", exact: true }));
    await keyboard.press("Enter");
    await tabTo(page, page.getByRole("button", { name: "New service" }));
    await keyboard.press("Enter");
    await expect(page.getByLabel("Name")).toBeFocused();
    await keyboard.type("keys");
    await keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1, name: "keys" })).toBeVisible();
    await tabTo(page, page.getByLabel("Find an option"));
    await keyboard.type("_ttl");
    const field = page.getByLabel("_ttl", { exact: true });
    await tabTo(page, field);
    await keyboard.type("5000");
    await expect(page.getByText("1 unsaved changes")).toBeVisible();
    const save = page.getByRole("button", { name: "Save" });
    await expect(save).toBeEnabled();
    for (let n = 0; n < 60 && !(await save.evaluate((one) => one === document.activeElement)); n += 1) await keyboard.press("Shift+Tab");
    await keyboard.press("Enter");
    await expect(page.getByText("Saved: 1 options")).toBeVisible();
    await tabTo(page, page.getByRole("tab", { name: "Options" }));
    await keyboard.press("ArrowRight");
    await expect(page.getByRole("tab", { name: "Try it" })).toHaveAttribute("aria-selected", "true");
    await tabTo(page, page.getByLabel("Number to call"));
    await keyboard.type("+12025550156");
    await keyboard.press("Enter");
    await expect(page.getByRole("list", { name: "What happened" })).toContainText("Handed over");
    await tabTo(page, page.getByRole("link", { name: "Open this callback" }));
    await keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1, name: "+12025550156" })).toBeVisible();
    await tabTo(page, page.getByRole("button", { name: "Cancel it" }));
    await keyboard.press("Enter");
    await keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Cancel it" })).toBeFocused();
  });

  test("the list of callbacks is walked, chosen from and cancelled without a mouse", async ({ page }) => {
    const { keyboard } = page;
    await service(demo(), "walked");
    await callback(demo(), "walked", "+12025550157");
    await open(page, demo(), "/callbacks?service=walked", "Callbacks");
    await tabTo(page, page.getByRole("region", { name: "List of callbacks" }));
    await tabTo(page, page.getByRole("checkbox", { name: "Choose +12025550157" }));
    await keyboard.press("Space");
    const cancel = page.getByRole("button", { name: "Cancel 1" });
    await expect(cancel).toBeVisible();
    await cancel.focus();
    await keyboard.press("Enter");
    const sure = page.getByRole("button", { name: "Cancel 1 callbacks" });
    await expect(sure).toBeVisible();
    await tabTo(page, sure);
    await keyboard.press("Enter");
    await expect(page.getByText("1 cancelled")).toBeVisible();
    await keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  });
});
