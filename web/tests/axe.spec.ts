// Accessibility of every page, light and dark: no serious or critical finding.
import { accessible, demo, expect, test } from "./base";
import { furnish, shots } from "./pages";

for (const colorScheme of ["light", "dark"] as const) {
  test(`every page is accessible, ${colorScheme}`, async ({ page }) => {
    test.setTimeout(150_000);
    await furnish();
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const shot of await shots()) {
      await page.goto(`${demo()}/ui${shot.path}`);
      await expect(page.getByRole("heading", { level: 1, name: shot.heading })).toBeVisible();
      await shot.act?.(page);
      await accessible(page, `${shot.name} ${colorScheme}`);
    }
  });
}
