// A small chart of how often something happened, by spans of time.
import { useComputedColorScheme } from "@mantine/core";
import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

echarts.use([BarChart, GridComponent, LegendComponent, SVGRenderer]);

interface Props {
  label: string;
  /** Beginnings of the spans. */
  at: string[];
  /** One series upon the other, else side by side. */
  stacked: boolean;
  series: { name: string; counts: number[] }[];
}

export default function Chart({ label, at, stacked, series }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts>(undefined);
  const scheme = useComputedColorScheme("light");
  const text = scheme === "dark" ? "#a9b0b8" : "#5c636a";
  const line = scheme === "dark" ? "#3b3d42" : "#dee2e6";
  const names = at.map((time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  const shape = JSON.stringify([names, series, scheme]);
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
      color: scheme === "dark" ? ["#51cf66", "#ffa94d", "#74c0fc"] : ["#2b8a3e", "#d9480f", "#1971c2"],
      grid: { left: 34, right: 8, top: 30, bottom: 24 },
      legend: { top: 0, left: 0, textStyle: { color: text }, icon: "roundRect", itemWidth: 10, itemHeight: 10 },
      xAxis: { type: "category", data: names, axisLabel: { color: text }, axisLine: { lineStyle: { color: line } }, axisTick: { show: false } },
      yAxis: { type: "value", minInterval: 1, axisLabel: { color: text }, splitLine: { lineStyle: { color: line } } },
      series: series.map((one) => ({ type: "bar", stack: stacked ? "all" : undefined, name: one.name, data: one.counts, barMaxWidth: 22 })),
    });
    // The shape says everything that is drawn.
  }, [shape]);
  const total = series.map((one) => `${one.name}: ${one.counts.reduce((sum, count) => sum + count, 0)}`).join(", ");
  return <div ref={box} className="chart" role="img" aria-label={`${label}. ${total}`} />;
}
