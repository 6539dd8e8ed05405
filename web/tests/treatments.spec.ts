// Treatments: the list, listening, uploading, dropping in, removing; in the options of a service, too.
import { ask, demo, expect, open, service, test } from "./base";

/** A second of a tone as WAV: PCM of 16 bit, 8 kHz, mono. */
function sound(): Buffer {
  const count = 8000;
  const file = Buffer.alloc(44 + count * 2);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + count * 2, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(8000, 24);
  file.writeUInt32LE(16000, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(count * 2, 40);
  for (let n = 0; n < count; n += 1) file.writeInt16LE(n % 16 < 8 ? 3000 : -3000, 44 + n * 2);
  return file;
}

const upload = (name: string) => ({ name, mimeType: "audio/wav", buffer: sound() });

test.describe("treatments", () => {
  test("a sound is uploaded, listened to and removed", async ({ page }) => {
    await open(page, demo(), "/treatments", "Treatments");
    await expect(page.getByRole("row", { name: /next_customer_rep\.wav/ })).toContainText(/shipped|KB/);
    await page.locator('input[type="file"]').setInputFiles(upload("hello.wav"));
    await expect(page.getByText("hello.wav is stored (1 s)")).toBeVisible();
    const row = page.getByRole("row", { name: /^hello\.wav/ });
    await expect(row).toContainText("1.0 s");
    // The same file can be chosen again, as browsers tell of a change only.
    await expect(page.locator('input[type="file"]')).toHaveValue("");
    await row.getByRole("button", { name: "Listen to hello.wav" }).click();
    const player = row.locator("audio");
    await expect.poll(() => player.evaluate((one: HTMLAudioElement) => Math.round(one.duration))).toBe(1);
    await row.getByRole("button", { name: "Remove hello.wav" }).click();
    await page.getByRole("button", { name: "Remove the file" }).click();
    await expect(row).toHaveCount(0);
  });

  test("what is no sound is refused by name", async ({ page }) => {
    await open(page, demo(), "/treatments", "Treatments");
    await page.locator('input[type="file"]').setInputFiles({ name: "odd.wav", mimeType: "audio/wav", buffer: Buffer.from("<html>") });
    await expect(page.getByRole("status").filter({ hasText: "odd.wav" })).toContainText("cannot be decoded");
    await page.locator('input[type="file"]').setInputFiles({ name: "huge.wav", mimeType: "audio/wav", buffer: Buffer.alloc(11 * 1024 * 1024) });
    await expect(page.getByRole("status").filter({ hasText: "huge.wav" })).toContainText("more than 10 MiB");
  });

  test("a file dropped at an option is stored and named there", async ({ page }) => {
    await service(demo(), "sounding");
    await open(page, demo(), "/services/sounding", "sounding");
    await page.getByLabel("Find an option").fill("_treatment_customer_connect");
    const option = page.locator(".option").filter({ hasText: "_treatment_customer_connect" }).first();
    const data = await page.evaluateHandle((bytes) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], "dropped.wav", { type: "audio/wav" }));
      return transfer;
    }, [...sound()]);
    await option.locator(".drop").dispatchEvent("drop", { dataTransfer: data });
    await expect(option.getByRole("textbox")).toHaveValue("dropped.wav");
    await expect(option.getByRole("button", { name: "Listen to dropped.wav" })).toBeVisible();
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Saved: 1 options")).toBeVisible();
    await open(page, demo(), "/treatments", "Treatments");
    const row = page.getByRole("row", { name: /^dropped\.wav/ });
    await expect(row.getByRole("link", { name: "sounding" })).toBeVisible();
    await row.getByRole("button", { name: "Remove dropped.wav" }).click();
    await page.getByRole("button", { name: "Remove the file" }).click();
    await expect(page.getByRole("alert")).toContainText("It is in use by: sounding");
  });

  test("a file that is not there is told at the option", async ({ page }) => {
    await service(demo(), "silent", { _treatment_customer_connect: "nowhere.wav" });
    await open(page, demo(), "/services/silent", "silent");
    await page.getByLabel("Find an option").fill("_treatment_customer_connect");
    await expect(page.getByText("No file of this name is there")).toBeVisible();
    await ask(demo(), "DELETE", "/api/v1/services/silent");
  });
});
