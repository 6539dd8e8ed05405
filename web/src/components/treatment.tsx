// Sounds: listening to one, dropping files in.
import { Button, FileButton } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type ReactNode } from "react";
import { soundOf, uploadTreatment } from "../api/treatments";
import { t } from "../text";
import { lasting } from "./time";
import { toast, toastError } from "./toasts";

export const SOUNDS = ".wav,.ulaw,.ul,.pcmu,.alaw,.al,.pcma,audio/wav";

/** What the server takes; more would only break off while it is sent. */
const BYTES_MAX = 10 * 1024 * 1024;

/** What takes the place of the focused element takes its focus as well. */
const focused = (element: HTMLElement | null) => element?.focus();

/** A button that becomes a player. */
export function Listen({ name, changed }: { name: string; changed?: string | null }) {
  const [open, setOpen] = useState(false);
  const [failed, setFailed] = useState<"focused" | "unfocused">();
  if (!open)
    return (
      <Button size="compact-sm" variant="default" onClick={() => setOpen(true)} aria-label={t("treatments.listen.to", { name })}>
        {t("treatments.listen")}
      </Button>
    );
  if (failed)
    return (
      <span className="small warning" tabIndex={-1} ref={failed === "focused" ? focused : undefined}>
        {t("treatments.no_sound", { name })}
      </span>
    );
  return (
    <audio
      ref={focused}
      className="player"
      controls
      autoPlay
      src={soundOf(name, changed)}
      onError={(event) => setFailed(document.activeElement === event.currentTarget ? "focused" : "unfocused")}
      aria-label={t("treatments.listen.to", { name })}
    />
  );
}

interface DropProps {
  /** Told the name of each file that was stored. */
  onStored: (name: string) => void;
  many?: boolean;
  children?: ReactNode;
}

/** A place that takes sound files: by a button, or dropped on it. */
export function DropSounds({ onStored, many, children }: DropProps) {
  const queries = useQueryClient();
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const reset = useRef<() => void>(null);
  const store = async (files: File[]) => {
    setBusy(true);
    for (const file of many ? files : files.slice(0, 1)) {
      try {
        if (file.size > BYTES_MAX) throw new Error(t("treatments.too_large"));
        const ms = await uploadTreatment(file.name, file);
        toast(t("treatments.stored", { name: file.name, time: lasting(ms) }));
        onStored(file.name);
      } catch (error) {
        toastError(error instanceof Error ? new Error(`${file.name}: ${error.message}`) : error);
      }
    }
    // The same file can be chosen again once it was changed.
    reset.current?.();
    await queries.invalidateQueries({ queryKey: ["treatments"] });
    setBusy(false);
  };
  return (
    <div
      className="drop"
      data-over={over}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void store([...event.dataTransfer.files]);
      }}
    >
      {children}
      <FileButton
        multiple
        resetRef={reset}
        accept={SOUNDS}
        onChange={(files) => void store(files)}
        inputProps={{ "aria-label": t("treatments.upload") }}
      >
        {(props) => (
          <Button size="compact-sm" variant="default" loading={busy} {...props}>
            {t("treatments.upload")}
          </Button>
        )}
      </FileButton>
      <span className="quiet small">{t(many ? "treatments.drop_many" : "treatments.drop")}</span>
    </div>
  );
}
