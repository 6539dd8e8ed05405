// Words with a colour: states of callbacks, options, deliveries.
import { Badge } from "@mantine/core";

const COLORS: Record<string, string> = {
  SCHEDULED: "violet", QUEUED: "blue", ROUTING: "orange", PROCESSING: "teal", COMPLETED: "gray", PAUSED: "orange",
  effective: "green", accepted: "gray", pending: "orange", refused: "red",
  delivered: "green", failed: "red",
  ready: "green", not_ready: "gray", reserved: "blue", ringing: "orange", talking: "teal",
  up: "green", down: "red",
  running: "green", waiting: "violet", ended: "gray", gone: "gray",
};

export function Status({ word, label }: { word: string; label?: string }) {
  return (
    <Badge color={COLORS[word] ?? "gray"} variant="light" className="plain-badge">
      {label ?? word}
    </Badge>
  );
}
