// One service: its options by section, judged while they are typed, and a test callback.
import { Alert, Button, Select, Switch, Tabs, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api, good, type Option, type Report, type Service } from "../api/client";
import { putService, useOptions, useServices } from "../api/services";
import { History } from "../components/history";
import { Empty, ErrorNote } from "../components/notes";
import { OptionField } from "../components/option_field";
import { AskingButton } from "../components/question";
import { Time } from "../components/time";
import { toast, toastError } from "../components/toasts";
import { TryIt } from "../components/try_it";
import { t } from "../text";

type Values = Record<string, string>;

/** Sections of the catalogue that are not set at a service but in the server's file. */
const ELSEWHERE = ["callback", "push", "gms", "server", "lab"];
const CHECK_MS = 350;

export default function ServicePage() {
  const { name = "" } = useParams();
  const services = useServices();
  const options = useOptions();
  const service = services.data?.find((one) => one.name === name);
  const error = services.error ?? options.error;
  const queries = useQueryClient();
  const navigate = useNavigate();
  const remove = async () => {
    await good(api.DELETE("/api/v1/services/{name}", { params: { path: { name } } }));
    toast(t("service.removed", { name }));
    void navigate("/services");
    await queries.invalidateQueries({ queryKey: ["services"] });
  };
  return (
    <div className="page">
      <div className="head">
        <Link to="/services">{t("nav.services")}</Link>
        <span aria-hidden="true">/</span>
        <h1>{name}</h1>
        <span className="grow" />
        {service && (
          <Link to={`/callbacks?${new URLSearchParams({ service: name }).toString()}`}>{t("service.callbacks")}</Link>
        )}
        {service && (
          <AskingButton title={t("service.remove")} question={t("service.remove.question", { name })} action={t("common.remove")} run={remove} />
        )}
      </div>
      {error && <ErrorNote error={error} retry={() => void services.refetch()} />}
      {services.data && !service && <Empty>{t("service.unknown", { name })}</Empty>}
      {service && options.data && (
        <Settings key={service.name} service={service} catalogue={options.data} />
      )}
    </div>
  );
}

function Settings({ service, catalogue }: { service: Service; catalogue: Option[] }) {
  const queries = useQueryClient();
  const [stored, setStored] = useState<Values>(service.options);
  const [values, setValues] = useState<Values>(service.options);
  const [section, setSection] = useState("");
  const [search, setSearch] = useState("");
  const [advanced, setAdvanced] = useState(false);
  const [saving, setSaving] = useState(false);
  const [tab, setTab] = useState("options");
  const changed = useMemo(() => differing(stored, values), [stored, values]);
  const [settled] = useDebouncedValue(values, CHECK_MS);
  const check = useQuery({
    queryKey: ["services", "check", service.name, settled],
    queryFn: () => putService(service.name, settled, true),
    placeholderData: (before) => before,
  });
  const found = useMemo(() => byOption(check.data), [check.data]);
  const rows = useMemo(() => withUnknown(catalogue, values), [catalogue, values]);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (option: Option) =>
    words.every((word) => `${option.name} ${option.meaning}`.toLowerCase().includes(word));
  const visible = rows.filter(
    (option) => (advanced || !option.advanced || values[option.name] !== undefined) && matches(option),
  );
  const sections = [...new Set(rows.map((option) => option.section))].filter((title) =>
    visible.some((option) => option.section === title),
  );
  const current = sections.includes(section) ? section : (sections[0] ?? "");
  const hidden = rows.filter((option) => option.advanced && values[option.name] === undefined && matches(option)).length;
  // With words to look for, all sections are searched.
  const shown = words.length > 0 ? visible : visible.filter((option) => option.section === current);
  const set = (option: string, value: string | undefined) =>
    setValues((old) => {
      const next = { ...old };
      if (value === undefined) delete next[option];
      else next[option] = value;
      return next;
    });
  const save = async () => {
    setSaving(true);
    try {
      const answer = await putService(service.name, values, false);
      if (answer.ok) {
        setStored(values);
        toast(t("service.saved", { n: changed.length }));
        await queries.invalidateQueries({ queryKey: ["services"] });
      } else {
        toast(t("service.not_saved", { n: answer.errors.length }), true);
      }
    } catch (error) {
      toastError(error);
    }
    setSaving(false);
  };
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    if (changed.length > 0) window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [changed.length]);
  const errors = check.data?.errors.length ?? 0;
  return (
    <div className="stack">
      <div className="head bar">
        <span className="quiet">
          {t("service.changed")} <Time at={service.changed} />
        </span>
        <span className="grow" />
        <span role="status">{changed.length > 0 ? t("service.unsaved", { n: changed.length }) : ""}</span>
        <Button variant="default" disabled={changed.length === 0} onClick={() => setValues(stored)}>
          {t("service.discard")}
        </Button>
        <Button disabled={changed.length === 0 || errors > 0} loading={saving} onClick={() => void save()}>
          {t("common.save")}
        </Button>
      </div>
      {check.error && <ErrorNote error={check.error} />}
      {errors > 0 && (
        <Alert color="red" title={t("service.errors", { n: errors })}>
          <ul className="report">
            {check.data?.errors.map((fault, n) => (
              <li key={n}>
                {fault.option ? (
                  <button type="button" className="link" onClick={() => {
                      setTab("options");
                      setSearch(fault.option ?? "");
                    }}
                  >
                    {fault.option}
                  </button>
                ) : null}{" "}
                {fault.message}
              </li>
            ))}
          </ul>
        </Alert>
      )}
      <Tabs value={tab} onChange={(next) => setTab(next ?? "options")}>
        <Tabs.List>
          <Tabs.Tab value="options">{t("service.options")}</Tabs.Tab>
          <Tabs.Tab value="try">{t("try.title")}</Tabs.Tab>
          <Tabs.Tab value="history">{t("history.title")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="options" className="stack tabbed">
          <div className="row ends">
            <TextInput
              className="grow"
              label={t("service.search")}
              placeholder={t("service.search.hint")}
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
            />
            <Switch
              label={t("service.advanced")}
              checked={advanced}
              onChange={(event) => setAdvanced(event.currentTarget.checked)}
            />
          </div>
          <div className="settings">
            <nav className="sections" aria-label={t("service.sections")}>
              {sections.map((title) => (
                <button
                  key={title}
                  type="button"
                  aria-current={words.length === 0 && title === current}
                  onClick={() => {
                    setSearch("");
                    setSection(title);
                  }}
                >
                  <span>{title}</span>
                  <span className="small">{rows.filter((o) => o.section === title && values[o.name] !== undefined).length || ""}</span>
                </button>
              ))}
            </nav>
            <div className="stack">
              <section className="card" aria-label={words.length > 0 ? t("service.found") : current}>
                <h2>{words.length > 0 ? t("service.found_n", { n: shown.length }) : current}</h2>
                <div>
                  {shown.map((option) => (
                    <OptionField
                      key={option.name}
                      option={option}
                      value={values[option.name]}
                      changed={changed.includes(option.name)}
                      notes={found.get(option.name)}
                      onChange={(value) => set(option.name, value)}
                    />
                  ))}
                </div>
                {shown.length === 0 && <Empty>{t("service.nothing_found")}</Empty>}
                {!advanced && hidden > 0 && <span className="quiet small">{t("service.hidden", { n: hidden })}</span>}
              </section>
              <AddOption known={rows} onAdd={(option) => set(option, "")} />
            </div>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="try" className="tabbed">
          <TryIt service={service.name} disabled={changed.length > 0} />
        </Tabs.Panel>
        <Tabs.Panel value="history" className="tabbed">
          <History of="services" name={service.name} />
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}

function AddOption({ known, onAdd }: { known: Option[]; onAdd: (name: string) => void }) {
  const [name, setName] = useState<string | null>(null);
  return (
    <section className="card" aria-label={t("service.add")}>
      <h2>{t("service.add")}</h2>
      <div className="row ends">
        <Select
          className="grow"
          label={t("service.add.name")}
          searchable
          clearable
          withScrollArea={false}
          maxDropdownHeight={240}
          data={known.map((option) => option.name)}
          value={name}
          onChange={setName}
          limit={40}
        />
        <Button
          variant="default"
          disabled={!name}
          onClick={() => {
            if (name) onAdd(name);
            setName(null);
          }}
        >
          {t("service.add.do")}
        </Button>
      </div>
    </section>
  );
}

interface Notes {
  errors: string[];
  warnings: string[];
}

function byOption(report?: Report): Map<string, Notes> {
  const notes = new Map<string, Notes>();
  const of = (name: string) => {
    const known = notes.get(name) ?? { errors: [], warnings: [] };
    notes.set(name, known);
    return known;
  };
  for (const fault of report?.errors ?? []) {
    const allowed = fault.allowed ? ` ${t("report.allowed", { allowed: String(fault.allowed) })}` : "";
    if (fault.option) of(fault.option).errors.push(`${fault.message ?? ""}${allowed}`);
  }
  for (const notice of report?.warnings ?? []) if (notice.option) of(notice.option).warnings.push(notice.message ?? "");
  return notes;
}

function differing(before: Values, after: Values): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]);
}

/** The options that a service may set, and those it sets although nobody knows them. */
function withUnknown(catalogue: Option[], values: Values): Option[] {
  const own = catalogue.filter((option) => !ELSEWHERE.includes(option.section));
  const known = new Set(own.map((option) => option.name));
  const unknown = Object.keys(values).filter((name) => !known.has(name));
  return [
    ...own,
    ...unknown.map((name) => ({
      name, section: t("service.unknown_section"), type: "text", default: "", allowed: "text", mandatory: false,
      advanced: false, status: "accepted", reason: t("service.unknown_option"), meaning: "",
    })),
  ];
}
