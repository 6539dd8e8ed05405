// The chart of a session: the server's drawing with the active states lit by class.
import { ActionIcon } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { t } from "../text";

const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2];

export function Diagram({ svg, active, label }: { svg: string; active: string[]; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [zoom, setZoom] = useState(2);
  // Elements are taken over one by one: no text of the drawing is ever read as HTML.
  useEffect(() => {
    const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    if (root.nodeName !== "svg") return;
    const drawing = document.importNode(root, true) as unknown as SVGSVGElement;
    drawing.setAttribute("aria-hidden", "true");
    box.current?.replaceChildren(drawing);
  }, [svg]);
  useEffect(() => {
    const drawing = box.current?.querySelector("svg");
    const [, , width, height] = (drawing?.getAttribute("viewBox") ?? "").split(" ").map(Number);
    if (!drawing || !width || !height) return;
    drawing.setAttribute("width", String(Math.round(width * (ZOOMS[zoom] ?? 1))));
    drawing.setAttribute("height", String(Math.round(height * (ZOOMS[zoom] ?? 1))));
  }, [svg, zoom]);
  const shape = active.join("\n");
  useEffect(() => {
    const lit = new Set(shape.split("\n"));
    box.current?.querySelectorAll("[data-state]").forEach((state) => {
      state.classList.toggle("active", lit.has(state.getAttribute("data-state") ?? ""));
    });
  }, [svg, shape]);
  const text = active.length > 0 ? t("session.chart.lit", { states: active.join(", ") }) : t("session.chart.unlit");
  return (
    <div className="tight">
      <div className="row">
        <span className="quiet" role="status">
          {text}
        </span>
        <span className="grow" />
        <ActionIcon variant="default" onClick={() => setZoom(zoom - 1)} disabled={zoom === 0} aria-label={t("session.chart.smaller")}>
          −
        </ActionIcon>
        <ActionIcon
          variant="default"
          onClick={() => setZoom(zoom + 1)}
          disabled={zoom === ZOOMS.length - 1}
          aria-label={t("session.chart.larger")}
        >
          +
        </ActionIcon>
      </div>
      <div className="diagram" tabIndex={0} role="region" aria-label={label}>
        <div ref={box} role="img" aria-label={`${label}. ${text}`} />
      </div>
    </div>
  );
}
