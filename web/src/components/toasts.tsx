// Short messages at the edge of the page, read out by screen readers.
import { Notification } from "@mantine/core";
import { useEffect, useSyncExternalStore } from "react";
import { Refusal } from "../api/client";
import { t } from "../text";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_MS = 6000;
let toasts: Toast[] = [];
let count = 0;
const listeners = new Set<() => void>();

function change(next: Toast[]): void {
  toasts = next;
  listeners.forEach((listener) => listener());
}

const close = (id: number) => change(toasts.filter((toast) => toast.id !== id));

/** Tells that something was done, or was not. */
export function toast(text: string, bad = false): void {
  count += 1;
  change([...toasts.slice(-3), { id: count, text, bad }]);
}

/** Tells why something was not done. */
export function toastError(error: unknown): void {
  const gone = error instanceof Refusal && error.status === 0;
  toast(gone ? t("error.no_answer") : error instanceof Error && error.message ? error.message : String(error), true);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((one) => (
        <Shown key={one.id} toast={one} />
      ))}
    </div>
  );
}

function Shown({ toast: one }: { toast: Toast }) {
  useEffect(() => {
    if (one.bad) return;
    const timer = setTimeout(() => close(one.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [one]);
  return (
    <Notification
      color={one.bad ? "red" : "green"}
      withBorder
      onClose={() => close(one.id)}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      {one.text}
    </Notification>
  );
}
