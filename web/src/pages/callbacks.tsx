// Callbacks: a list of any length, filters, what can be done with one or many.
import { ActionIcon, Button, Checkbox, Menu, MultiSelect, Popover, Select, TextInput } from "@mantine/core";
import { useDebouncedValue, useLocalStorage } from "@mantine/hooks";
import { useQueries, useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState, type ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import {
  NO_FILTER, REASONS, STATES, countCallbacks, exportAddress, listCallbacks, type Filter,
} from "../api/callbacks";
import type { CallbackRecord } from "../api/client";
import { useServices } from "../api/services";
import { CancelMany } from "../components/cancel_many";
import { NewCallback } from "../components/new_callback";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { Time } from "../components/time";
import { t } from "../text";

const PAGE = 100;
const ROW = 38;
const COLUMNS = ["number", "service", "state", "reason", "desired", "created", "attempts", "agent", "id"] as const;
type Column = (typeof COLUMNS)[number];
const WIDTHS: Record<Column, string> = {
  number: "minmax(8.5rem, 1fr)", service: "minmax(6rem, 1fr)", state: "7.5rem", reason: "minmax(9rem, 1.3fr)",
  desired: "8.5rem", created: "8.5rem", attempts: "5rem", agent: "minmax(5rem, 0.7fr)", id: "minmax(9rem, 1.4fr)",
};
const SHOWN_FIRST: Column[] = ["number", "service", "state", "reason", "desired", "attempts", "agent"];

export default function Callbacks() {
  const [params, setParams] = useSearchParams();
  const filter: Filter = useMemo(
    () => ({
      service: params.get("service") ?? "",
      states: params.getAll("state"),
      reason: params.get("reason") ?? "",
      number: params.get("number") ?? "",
      from: params.get("from") ?? "",
      until: params.get("until") ?? "",
    }),
    [params],
  );
  const [columns, setColumns] = useLocalStorage<Column[]>({ key: "callbacks.columns", defaultValue: SHOWN_FIRST, getInitialValueInEffect: false });
  const [dialog, setDialog] = useState<"new" | "cancel" | "cancel_all">();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const change = (part: Partial<Filter>) => {
    const next = { ...filter, ...part };
    const written = new URLSearchParams();
    if (next.service) written.set("service", next.service);
    next.states.forEach((state) => written.append("state", state));
    for (const key of ["reason", "number", "from", "until"] as const) if (next[key]) written.set(key, next[key]);
    setParams(written, { replace: true });
    setChosen(new Set());
  };
  const [settled] = useDebouncedValue(filter, 200);
  const count = useQuery({
    queryKey: ["callbacks", "count", settled],
    queryFn: () => countCallbacks(settled),
    placeholderData: (before) => before,
  });
  const filtered = JSON.stringify(filter) !== JSON.stringify(NO_FILTER);
  return (
    <div className="page fill">
      <div className="head">
        <h1>{t("nav.callbacks")}</h1>
        <span className="quiet" role="status">
          {count.data === undefined ? "" : t("callbacks.count", { n: count.data.toLocaleString() })}
        </span>
        <span className="grow" />
        {chosen.size > 0 && (
          <Button color="red" variant="light" onClick={() => setDialog("cancel")}>
            {t("callbacks.cancel_chosen", { n: chosen.size })}
          </Button>
        )}
        <MoreMenu filter={settled} columns={columns} setColumns={setColumns} onCancelAll={() => setDialog("cancel_all")} />
        <Button onClick={() => setDialog("new")}>{t("callbacks.new")}</Button>
      </div>
      <Filters filter={filter} change={change} filtered={filtered} />
      {count.error ? (
        <ErrorNote error={count.error} retry={() => void count.refetch()} />
      ) : count.data === 0 ? (
        <Empty>
          {filtered ? t("callbacks.no_match") : t("callbacks.none")}
          {filtered && (
            <Button variant="default" onClick={() => change(NO_FILTER)}>
              {t("callbacks.clear")}
            </Button>
          )}
        </Empty>
      ) : (
        <Grid filter={settled} total={count.data ?? 0} columns={columns} chosen={chosen} choose={setChosen} />
      )}
      {dialog === "new" && <NewCallback onClose={() => setDialog(undefined)} />}
      {(dialog === "cancel" || dialog === "cancel_all") && (
        <CancelMany
          ids={dialog === "cancel" ? [...chosen] : undefined}
          filter={settled}
          onClose={(done) => {
            setDialog(undefined);
            if (done) setChosen(new Set());
          }}
        />
      )}
    </div>
  );
}

interface FiltersProps {
  filter: Filter;
  change: (part: Partial<Filter>) => void;
  filtered: boolean;
}

function Filters({ filter, change, filtered }: FiltersProps) {
  const services = useServices();
  const label = (word: string) => ({ value: word, label: word });
  return (
    <div className="row ends filters" role="search" aria-label={t("callbacks.filters")}>
      <TextInput
        label={t("callbacks.number")}
        value={filter.number}
        onChange={(event) => change({ number: event.currentTarget.value })}
        inputMode="tel"
      />
      <Select
        label={t("callbacks.service")}
        data={(services.data ?? []).map((service) => service.name)}
        value={filter.service || null}
        onChange={(value) => change({ service: value ?? "" })}
        clearable
        clearButtonProps={{ "aria-label": t("common.clear") }}
        withScrollArea={false}
        placeholder={t("common.all")}
      />
      <MultiSelect
        label={t("callbacks.state")}
        data={STATES.map(label)}
        value={filter.states}
        onChange={(states) => change({ states })}
        withScrollArea={false}
        placeholder={filter.states.length === 0 ? t("common.all") : ""}
        clearButtonProps={{ "aria-label": t("common.clear") }}
      />
      <Select
        label={t("callbacks.reason")}
        data={REASONS}
        value={filter.reason || null}
        onChange={(value) => change({ reason: value ?? "" })}
        clearable
        clearButtonProps={{ "aria-label": t("common.clear") }}
        withScrollArea={false}
        maxDropdownHeight={260}
        placeholder={t("common.all")}
      />
      <TextInput type="datetime-local" label={t("callbacks.from")} value={filter.from} onChange={(e) => change({ from: e.currentTarget.value })} />
      <TextInput type="datetime-local" label={t("callbacks.until")} value={filter.until} onChange={(e) => change({ until: e.currentTarget.value })} />
      {filtered && (
        <Button variant="subtle" onClick={() => change(NO_FILTER)}>
          {t("callbacks.clear")}
        </Button>
      )}
    </div>
  );
}

interface MoreProps {
  filter: Filter;
  columns: Column[];
  setColumns: (columns: Column[]) => void;
  onCancelAll: () => void;
}

function MoreMenu({ filter, columns, setColumns, onCancelAll }: MoreProps) {
  const toggle = (column: Column) =>
    setColumns(COLUMNS.filter((one) => (one === column ? !columns.includes(one) : columns.includes(one))));
  return (
    <>
      <Popover position="bottom-end" trapFocus>
        <Popover.Target>
          <Button variant="default">{t("callbacks.columns")}</Button>
        </Popover.Target>
        <Popover.Dropdown aria-label={t("callbacks.columns")}>
          <div className="stack">
            {COLUMNS.filter((column) => column !== "number").map((column) => (
              <Checkbox
                key={column}
                label={t(`column.${column}`)}
                checked={columns.includes(column)}
                onChange={() => toggle(column)}
              />
            ))}
          </div>
        </Popover.Dropdown>
      </Popover>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size="input-sm" aria-label={t("callbacks.more")}>
            ⋯
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component="a" href={exportAddress(filter)} download="callbacks.csv">
            {t("callbacks.csv")}
          </Menu.Item>
          <Menu.Item color="red" onClick={onCancelAll}>
            {t("callbacks.cancel_all")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

interface GridProps {
  filter: Filter;
  total: number;
  columns: Column[];
  chosen: ReadonlySet<string>;
  choose: (chosen: ReadonlySet<string>) => void;
}

/** Rows that are in sight, page by page from the server. */
function Grid({ filter, total, columns, chosen, choose }: GridProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: total, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12 });
  const items = rows.getVirtualItems();
  const first = Math.floor((items[0]?.index ?? 0) / PAGE);
  const last = Math.floor((items[items.length - 1]?.index ?? 0) / PAGE);
  const pages = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  const loaded = useQueries({
    queries: pages.map((page) => ({
      queryKey: ["callbacks", "page", filter, page],
      queryFn: () => listCallbacks(filter, page * PAGE, PAGE),
      placeholderData: (before: CallbackRecord[] | undefined) => before,
      gcTime: 30_000,
    })),
  });
  const failed = loaded.find((page) => page.error);
  const at = (index: number) => loaded[Math.floor(index / PAGE) - first]?.data?.[index % PAGE];
  const template = `1.75rem ${columns.map((column) => WIDTHS[column]).join(" ")}`;
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    choose(next);
  };
  if (failed?.error) return <ErrorNote error={failed.error} retry={() => void failed.refetch()} />;
  return (
    <div className="grid" ref={scroller} tabIndex={0} role="region" aria-label={t("callbacks.list")}>
      <div className="grid-inner" role="table" aria-rowcount={total + 1} aria-label={t("nav.callbacks")}>
        <div role="rowgroup">
          <div className="grid-row grid-head" role="row" style={{ gridTemplateColumns: template }}>
            <span role="columnheader" aria-label={t("callbacks.choose")} />
            {columns.map((column) => (
              <span key={column} role="columnheader" className="cell">
                {t(`column.${column}`)}
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" style={{ height: rows.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const callback = at(item.index);
            return (
              <div
                key={item.key}
                className="grid-row body"
                role="row"
                aria-rowindex={item.index + 2}
                style={{ gridTemplateColumns: template, height: ROW, transform: `translateY(${item.start}px)` }}
              >
                <span role="cell">
                  {callback && (
                    <Checkbox
                      size="xs"
                      aria-label={t("callbacks.choose_one", { number: callback._customer_number })}
                      checked={chosen.has(callback._id)}
                      onChange={() => toggle(callback._id)}
                    />
                  )}
                </span>
                {columns.map((column) => (
                  <span key={column} role="cell" className="cell">
                    {callback ? cell(callback, column) : <span className="quiet">…</span>}
                  </span>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function cell(callback: CallbackRecord, column: Column): ReactNode {
  switch (column) {
    case "number":
      return <Link to={`/callbacks/${encodeURIComponent(callback._id)}`}>{callback._customer_number}</Link>;
    case "service":
      return callback._service_name;
    case "state":
      return <Status word={callback._callback_state} />;
    case "reason":
      return callback._callback_reason ?? "";
    case "desired":
      return <Time at={callback._desired_time} />;
    case "created":
      return <Time at={callback._rb_created} />;
    case "attempts":
      return String(callback._rb_attempts ?? 0);
    case "agent":
      return (callback._rb_agent as string | null) ?? "";
    case "id":
      return <span className="mono">{callback._id}</span>;
  }
}

