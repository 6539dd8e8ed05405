// Callbacks: a list of any length, filters, what can be done with one or many.
import { ActionIcon, Button, Checkbox, Menu, MultiSelect, Popover, Select, TextInput } from "@mantine/core";
import { useDebouncedValue, useLocalStorage } from "@mantine/hooks";
import { useQueries, useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import {
  NO_FILTER, REASONS, STATES, countCallbacks, exportAddress, listCallbacks, type Filter,
} from "../api/callbacks";
import type { CallbackRecord } from "../api/client";
import { useServices } from "../api/services";
import { useUiSettings } from "../api/ui";
import { CancelMany } from "../components/cancel_many";
import { NewCallback } from "../components/new_callback";
import { Empty, ErrorNote } from "../components/notes";
import { Status } from "../components/status";
import { Time } from "../components/time";
import { t } from "../text";

const PAGE = 100;
const ROW = 38;
const COLUMNS = ["number", "service", "state", "reason", "desired", "created", "attempts", "agent", "id"] as const;
type Known = (typeof COLUMNS)[number];
/** One of ours, or `own:` and the key of a parameter of the operator's. */
type Column = Known | `own:${string}`;
const OWN = "own:";
const OWN_WIDTH = "minmax(6rem, 1fr)";
const WIDTHS: Record<Known, string> = {
  number: "minmax(8.5rem, 1fr)", service: "minmax(6rem, 1fr)", state: "7.5rem", reason: "minmax(13.5rem, 1.3fr)",
  desired: "8.5rem", created: "8.5rem", attempts: "5rem", agent: "minmax(5rem, 0.7fr)", id: "minmax(9rem, 1.4fr)",
};
const widthOf = (column: Column) => WIDTHS[column as Known] ?? OWN_WIDTH;
const SHOWN_FIRST: Known[] = ["number", "service", "state", "reason", "desired", "attempts", "agent"];

export default function Callbacks() {
  const [params, setParams] = useSearchParams();
  const [filter, setFilter] = useState(() => read(params));
  const [chosenColumns, setColumns] = useLocalStorage<Known[]>({ key: "callbacks.columns", defaultValue: SHOWN_FIRST, getInitialValueInEffect: false });
  // Columns of the operator's own are shown until they are taken away.
  const [hidden, setHidden] = useLocalStorage<string[]>({ key: "callbacks.hidden", defaultValue: [], getInitialValueInEffect: false });
  const settings = useUiSettings();
  const own = settings.data?.columns ?? [];
  const columns: Column[] = [...chosenColumns, ...own.filter((one) => !hidden.includes(one.key)).map((one): Column => `${OWN}${one.key}`)];
  const titles = new Map(own.map((one) => [`${OWN}${one.key}`, one.title]));
  const titleOf = (column: Column) => titles.get(column) ?? t(`column.${column as Known}`);
  const toggle = (column: Column) => {
    const key = column.slice(OWN.length);
    if (titles.has(column)) setHidden(hidden.includes(key) ? hidden.filter((one) => one !== key) : [...hidden, key]);
    else setColumns(COLUMNS.filter((one) => (one === column ? !chosenColumns.includes(one) : chosenColumns.includes(one))));
  };
  const bulk = settings.data?.bulk !== false;
  const [dialog, setDialog] = useState<"new" | "cancel" | "cancel_all">();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const change = (part: Partial<Filter>) => {
    setFilter((old) => ({ ...old, ...part }));
    setChosen(new Set());
  };
  const [settled] = useDebouncedValue(filter, 200);
  // The address follows what is typed, and a link that leads here with another one is followed.
  const address = params.toString();
  const written = useRef(address);
  useEffect(() => {
    const next = write(settled).toString();
    if (next === written.current) return;
    written.current = next;
    setParams(next, { replace: true });
  }, [settled, setParams]);
  useEffect(() => {
    if (address === written.current) return;
    written.current = address;
    setFilter(read(new URLSearchParams(address)));
  }, [address]);
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
        {bulk && chosen.size > 0 && (
          <Button color="red" variant="light" onClick={() => setDialog("cancel")}>
            {t("callbacks.cancel_chosen", { n: chosen.size })}
          </Button>
        )}
        <ColumnsMenu
          all={[...COLUMNS.filter((column) => column !== "number"), ...own.map((one): Column => `${OWN}${one.key}`)]}
          shown={columns}
          titleOf={titleOf}
          toggle={toggle}
        />
        {bulk && <MoreMenu filter={settled} onCancelAll={() => setDialog("cancel_all")} />}
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
        <Grid filter={settled} total={count.data ?? 0} columns={columns} titleOf={titleOf} chosen={chosen} choose={bulk ? setChosen : undefined} />
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

function read(params: URLSearchParams): Filter {
  return {
    service: params.get("service") ?? "",
    states: params.getAll("state"),
    reason: params.get("reason") ?? "",
    number: params.get("number") ?? "",
    from: params.get("from") ?? "",
    until: params.get("until") ?? "",
  };
}

function write(filter: Filter): URLSearchParams {
  const params = new URLSearchParams();
  if (filter.service) params.set("service", filter.service);
  filter.states.forEach((state) => params.append("state", state));
  for (const key of ["reason", "number", "from", "until"] as const) if (filter[key]) params.set(key, filter[key]);
  return params;
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

interface ColumnsProps {
  all: Column[];
  shown: Column[];
  titleOf: (column: Column) => string;
  toggle: (column: Column) => void;
}

function ColumnsMenu({ all, shown, titleOf, toggle }: ColumnsProps) {
  return (
    <Popover position="bottom-end" trapFocus>
      <Popover.Target>
        <Button variant="default">{t("callbacks.columns")}</Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("callbacks.columns")}>
        <div className="stack">
          {all.map((column) => (
            <Checkbox key={column} label={titleOf(column)} checked={shown.includes(column)} onChange={() => toggle(column)} />
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

function MoreMenu({ filter, onCancelAll }: { filter: Filter; onCancelAll: () => void }) {
  return (
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
  );
}

interface GridProps {
  filter: Filter;
  total: number;
  columns: Column[];
  titleOf: (column: Column) => string;
  chosen: ReadonlySet<string>;
  /** Absent where nothing is done with many at once. */
  choose: ((chosen: ReadonlySet<string>) => void) | undefined;
}

/** Rows that are in sight, page by page from the server. */
function Grid({ filter, total, columns, titleOf, chosen, choose }: GridProps) {
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
  const template = `1.75rem ${columns.map(widthOf).join(" ")}`;
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    choose?.(next);
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
                {titleOf(column)}
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
                  {callback && choose && (
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
    default:
      return ownValue(callback, column.slice(OWN.length));
  }
}

/** What a callback has under a key of the operator's own. */
function ownValue(callback: CallbackRecord, key: string): string {
  const place = (key.startsWith("_") ? callback._rb_parameters : callback._rb_user_data) as Record<string, unknown> | undefined;
  const value = place?.[key];
  return value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}
