// Login, logout, and what a stranger sees.
import type { Locator, Page } from "@playwright/test";
import { accessible, demo, expect, locked, open, test } from "./base";

/** Presses Tab until it is reached. */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  for (let n = 0; n < 80; n += 1) {
    await page.keyboard.press("Tab");
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("it is not reached by Tab");
}

test.describe("login", () => {
  test("a stranger sees the form only", async ({ page }) => {
    await page.goto(`${locked()}/ui/services`);
    await expect(page.getByLabel("User name")).toBeFocused();
    await expect(page.getByRole("navigation")).toHaveCount(0);
    await accessible(page, "login");
  });

  test("a wrong password is told and no window of the browser opens", async ({ page }) => {
    await page.goto(`${locked()}/ui/`);
    await page.getByLabel("User name").fill("operator");
    await page.getByRole("textbox", { name: "Password" }).fill("wrong");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toContainText("wrong");
  });

  test("with the right one the page that was asked for opens, and logging out closes it", async ({ page, context }) => {
    await page.goto(`${locked()}/ui/services`);
    await page.getByLabel("User name").fill("operator");
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
    const cookies = await context.cookies();
    expect(cookies[0]).toMatchObject({ name: "ringback_session", httpOnly: true, sameSite: "Strict" });
    await page.reload();
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
    await page.getByRole("button", { name: "Log out" }).click();
    await expect(page.getByLabel("User name")).toBeVisible();
  });

  test("a session that ended elsewhere leads back to the form", async ({ page, context }) => {
    await page.goto(`${locked()}/ui/services`);
    await page.getByLabel("User name").fill("operator");
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    const judged = page.waitForResponse(/services\/import/);
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
    await judged;
    await context.clearCookies();
    await page.getByRole("link", { name: "Callbacks" }).click();
    await expect(page.getByLabel("User name")).toBeVisible();
  });
});

test.describe("shell", () => {
  test("without credentials there is no form", async ({ page }) => {
    await open(page, demo(), "/", "Overview");
    await expect(page.getByRole("button", { name: "Log out" })).toHaveCount(0);
  });

  test("an unknown page says so", async ({ page }) => {
    await open(page, demo(), "/nonsense", "There is no such page");
  });

  test("everything is reached by keyboard", async ({ page }) => {
    await open(page, demo(), "/overview", "Overview");
    const skip = page.getByRole("link", { name: "Skip to content" });
    await page.keyboard.press("Tab");
    await expect(skip).toBeFocused();
    await tabTo(page, page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Services" }));
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
    // The page that was opened goes on with the keyboard: what comes next is in it.
    await expect(page.getByRole("main")).toBeFocused();
    await page.keyboard.press("Tab");
    await expect(page.getByRole("link", { name: "Export" })).toBeFocused();
    await tabTo(page, page.getByRole("button", { name: "New service" }));
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog").getByLabel("Name")).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("button", { name: "New service" })).toBeFocused();
  });

  test("the skip link leads past the menu", async ({ page }) => {
    await open(page, demo(), "/treatments", "Treatments");
    await page.keyboard.press("Tab");
    await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("main")).toBeFocused();
    await page.keyboard.press("Tab");
    await expect(page.getByRole("button", { name: "Upload a sound" })).toBeFocused();
    const listen = page.getByRole("button", { name: "Listen to next_customer_rep.wav" });
    await tabTo(page, listen);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("row", { name: /next_customer_rep\.wav/ }).locator("audio")).toBeFocused();
  });

  test("a log-out that the server does not answer is told", async ({ page }) => {
    await page.goto(`${locked()}/ui/services`);
    await page.getByLabel("User name").fill("operator");
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
    await page.route("**/api/v1/session", (route) => (route.request().method() === "DELETE" ? route.abort() : route.fallback()));
    await page.getByRole("button", { name: "Log out" }).click();
    await expect(page.getByRole("status").filter({ hasText: "The server does not answer" })).toBeVisible();
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
  });

  test("dark colours are kept", async ({ page }) => {
    await open(page, demo(), "/overview", "Overview");
    await page.getByRole("button", { name: "Dark colours" }).click();
    await page.reload();
    await expect(page.getByRole("button", { name: "Light colours" })).toBeVisible();
  });

  test("on a tablet the menu opens and closes", async ({ page }) => {
    await page.setViewportSize({ width: 820, height: 1100 });
    await open(page, demo(), "/overview", "Overview");
    await expect(page.getByRole("link", { name: "Services" })).toBeHidden();
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByRole("link", { name: "Services" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Services" })).toBeVisible();
    await expect(page.getByRole("link", { name: "Services", exact: true })).toBeHidden();
  });

  test("sounds are heard and a history has a name behind a login", async ({ page }) => {
    await page.goto(`${locked()}/ui/treatments`);
    await page.getByLabel("User name").fill("operator");
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.getByRole("button", { name: "Log in" }).click();
    const row = page.getByRole("row", { name: /next_customer_rep\.wav/ });
    await row.getByRole("button", { name: /^Listen/ }).click();
    await expect.poll(() => row.locator("audio").evaluate((one: HTMLAudioElement) => Math.round(one.duration))).toBe(14);
    await page.getByRole("link", { name: "Sessions" }).click();
    await expect(page.getByText("No SCXML session runs.")).toBeVisible();
    await page.getByRole("link", { name: "Services", exact: true }).click();
    await page.getByRole("button", { name: "New service" }).click();
    await page.getByLabel("Name").fill("named");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByRole("tab", { name: "History" }).click();
    await expect(page.getByRole("region", { name: "History" })).toContainText("operator from 127.0.0.1");
  });
});
