// What the browser tests share: pages that must not break the policy, helpers, accessibility.
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base, type Page } from "@playwright/test";

export const demo = () => process.env.DEMO ?? "";
export const locked = () => process.env.LOCKED ?? "";
export const empty = () => process.env.EMPTY ?? "";

/** Every test fails when its page breaks the policy, throws, or asks another origin. */
export const test = base.extend<{ page: Page }>({
  page: async ({ page }, use) => {
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(`thrown: ${error.message}`));
    page.on("console", (message) => {
      if (/content security policy/i.test(message.text())) problems.push(message.text());
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!/^(http:\/\/127\.0\.0\.1:|blob:|data:)/.test(url)) problems.push(`foreign request: ${url}`);
    });
    await use(page);
    expect(problems).toEqual([]);
  },
});

export { expect };

/** Opens a page of the UI and waits for its heading. */
export async function open(page: Page, base: string, path: string, heading: string): Promise<void> {
  await page.goto(`${base}/ui${path}`);
  await expect(page.getByRole("heading", { level: 1, name: heading, exact: true })).toBeVisible();
}

/** Asks the API from the outside. */
export async function ask<T>(base: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { "Content-Type": typeof body === "string" ? "text/plain" : "application/json" },
    body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok && response.status !== 422) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text ? JSON.parse(text) : {}) as T;
}

/** An agent who is never ready: callbacks for the group wait. */
const IDLE = "[agent.idle]\nextension = 7999\npassword = secret-idle\ngroups = Idle\n";

/** A service that dials nobody soon: what the tests request stays open. */
export async function service(base: string, name: string, more: Record<string, string> = {}): Promise<void> {
  const options = {
    _type: "ors", _service: "callback", _call_direction: "USERTERMINATED", _wait_for_agent: "true",
    _urs_virtual_queue: `VQ_${name}`, _target: "Idle@Stats.GA", ...more,
  };
  await ask(base, "POST", "/api/v1/agents/import", IDLE);
  await ask(base, "PUT", `/api/v1/services/${name}`, { options });
}

export async function callback(base: string, name: string, number: string, more: object = {}): Promise<string> {
  const made = await ask<{ _id: string }>(base, "POST", `/api/v1/callbacks?service=${name}`, {
    _customer_number: number,
    ...more,
  });
  return made._id;
}

/** Serious and critical findings; there may be none. */
export async function accessible(page: Page, what: string): Promise<void> {
  const results = await new AxeBuilder({ page }).analyze();
  const bad = results.violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  const told = bad.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.html} ${node.failureSummary ?? ""}`).slice(0, 3).join(" | ")}`);
  expect(told, what).toEqual([]);
}
