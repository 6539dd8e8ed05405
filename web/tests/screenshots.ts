// Pictures of every page, light and dark, wide and tablet, into web/screenshots (`cargo xtask screenshots`).
import { demo, empty, expect, locked, test } from "./base";
import { furnish, shots } from "./pages";

const SIZES = { wide: { width: 1440, height: 900 }, tablet: { width: 820, height: 1100 } };

test("pictures of every page", async ({ page }) => {
  test.setTimeout(300_000);
  await furnish();
  const all = (await shots()).map((shot) => ({ ...shot, base: demo() }));
  all.push(
    { name: "login", path: "/", heading: "Ringback", base: locked() },
    { name: "empty-overview", path: "/overview", heading: "Overview", base: empty() },
    { name: "empty-services", path: "/services", heading: "Services", base: empty() },
    { name: "empty-callbacks", path: "/callbacks", heading: "Callbacks", base: empty() },
    { name: "empty-sessions", path: "/sessions", heading: "Sessions", base: empty() },
    { name: "empty-agents", path: "/agents", heading: "Agents and trunks", base: empty() },
  );
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      for (const shot of all) {
        await page.goto(`${shot.base}/ui${shot.path}`);
        await expect(page.getByRole("heading", { level: 1, name: shot.heading })).toBeVisible();
        await shot.act?.(page);
        await page.waitForTimeout(350);
        await page.screenshot({ path: `screenshots/${shot.name}-${colorScheme}-${size}.png` });
      }
    }
  }
});
