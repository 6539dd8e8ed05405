// A small chart of how often something happened, by spans of minutes.
import { useComputedColorScheme } from "@mantine/core";
import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

echarts.use([BarChart, GridComponent, LegendComponent, SVGRenderer]);

interface Props {
  label: string;
  minutes: number;
  series: { name: string; at: string[] }[];
}

/** So many spans at most: three hours of ten minutes, or as many minutes. */
const SPANS = 18;

export default function Chart({ label, minutes, series }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts>(undefined);
  const scheme = useComputedColorScheme("light");
  const span = minutes * 60_000;
  const last = Math.floor(Date.now() / span);
  const spans = Array.from({ length: SPANS }, (_, n) => last - SPANS + 1 + n);
  const counts = series.map((one) => {
    const by = new Map<number, number>();
    for (const at of one.at) {
      const key = Math.floor(Date.parse(at) / span);
      by.set(key, (by.get(key) ?? 0) + 1);
    }
    return spans.map((key) => by.get(key) ?? 0);
  });
  const text = scheme === "dark" ? "#a9b0b8" : "#5c636a";
  const line = scheme === "dark" ? "#3b3d42" : "#dee2e6";
  const names = spans.map((key) => new Date(key * span).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  const shape = JSON.stringify([names, counts, scheme]);
  useEffect(() => {
    if (!box.current) return;
    const made = echarts.init(box.current, undefined, { renderer: "svg" });
    chart.current = made;
    const watch = new ResizeObserver(() => made.resize());
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      made.dispose();
    };
  }, []);
  useEffect(() => {
    chart.current?.setOption({
      animation: false,
      color: scheme === "dark" ? ["#51cf66", "#ffa94d"] : ["#2b8a3e", "#d9480f"],
      grid: { left: 34, right: 8, top: 30, bottom: 24 },
      legend: { top: 0, left: 0, textStyle: { color: text }, icon: "roundRect", itemWidth: 10, itemHeight: 10 },
      xAxis: { type: "category", data: names, axisLabel: { color: text }, axisLine: { lineStyle: { color: line } }, axisTick: { show: false } },
      yAxis: { type: "value", minInterval: 1, axisLabel: { color: text }, splitLine: { lineStyle: { color: line } } },
      series: series.map((one, n) => ({ type: "bar", stack: "all", name: one.name, data: counts[n], barMaxWidth: 22 })),
    });
    // The shape says everything that is drawn.
  }, [shape]);
  const total = series.map((one, n) => `${one.name}: ${counts[n]?.reduce((sum, count) => sum + count, 0) ?? 0}`).join(", ");
  return <div ref={box} className="chart" role="img" aria-label={`${label}. ${total}`} />;
}
