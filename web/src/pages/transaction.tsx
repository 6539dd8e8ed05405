// One Transaction List: its parameters and events, and the bodies that it will send.
import { ActionIcon, Button, Select, Tabs, TagsInput, TextInput, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api, good } from "../api/client";
import { cut, entry, importList, joined, listText, previewList, useCatalogue, withEntry, type Section } from "../api/lists";
import { useServices } from "../api/services";
import { History } from "../components/history";
import { Empty, ErrorNote } from "../components/notes";
import { AskingButton } from "../components/question";
import { ReportView } from "../components/report";
import { title } from "../components/timeline";
import { toast, toastError } from "../components/toasts";
import { t } from "../text";

const PROPERTIES = "properties";
const CHECK_MS = 350;

export default function TransactionPage() {
  const { name = "" } = useParams();
  const text = useQuery({ queryKey: ["transactions", name, "text"], queryFn: () => listText(name), staleTime: Infinity });
  const queries = useQueryClient();
  const navigate = useNavigate();
  const remove = async () => {
    await good(api.DELETE("/api/v1/transactions/{name}", { params: { path: { name } } }));
    toast(t("list.deleted", { name }));
    void navigate("/transactions");
    queries.removeQueries({ queryKey: ["transactions", name] });
    await queries.invalidateQueries({ queryKey: ["transactions"], exact: true });
  };
  return (
    <div className="page">
      <div className="head">
        <Link to="/transactions">{t("nav.transactions")}</Link>
        <span aria-hidden="true">/</span>
        <h1>{name}</h1>
        <span className="grow" />
        {text.data !== undefined && (
          <AskingButton title={t("list.delete")} question={t("list.delete.question", { name })} action={t("common.remove")} run={remove} />
        )}
      </div>
      {text.error && <ErrorNote error={text.error} retry={() => void text.refetch()} />}
      {text.data !== undefined && <Editor key={name} name={name} text={text.data} />}
    </div>
  );
}

function Editor({ name, text }: { name: string; text: string }) {
  const queries = useQueryClient();
  const catalogue = useCatalogue();
  const services = useServices();
  const [stored, setStored] = useState(() => joined(cut(text)));
  const [sections, setSections] = useState(() => cut(text));
  const written = joined(sections);
  const [settled] = useDebouncedValue(written, CHECK_MS);
  const check = useQuery({
    queryKey: ["transactions", name, "check", settled],
    queryFn: () => importList(settled, { dry_run: true, strict: false }, name),
    placeholderData: (before) => before,
  });
  const users = (services.data ?? []).filter((service) => service.options._callback_events_list === name);
  const events = (catalogue.data?.events ?? []).filter((event) => event.family !== "native");
  const ids = new Set(events.map((event) => event.event_id));
  const badCustom = sections.some((section) => customProblem(section) !== undefined);
  const replace = (index: number, next: Section | undefined) =>
    setSections((old) => old.flatMap((section, n) => (n === index ? (next ? [next] : []) : [section])));
  const save = async () => {
    try {
      const answer = await importList(written, { dry_run: false, strict: false }, name);
      if (!answer.ok) throw new Error(answer.errors[0]?.message ?? "");
      setStored(written);
      toast(t("list.saved"));
      await queries.invalidateQueries({ queryKey: ["transactions"], exact: true });
      await queries.invalidateQueries({ queryKey: ["transactions", "changes", name] });
    } catch (error) {
      toastError(error);
    }
  };
  const dirty = written !== stored;
  const bad = (check.data?.errors.length ?? 0) > 0 || badCustom;
  const unused = events.filter((event) => !sections.some((section) => section.name === event.event_id));
  return (
    <>
      <div className="head bar">
        <span className="quiet">
          {users.length === 0 ? t("lists.unused") : `${t("lists.used_by")}: `}
          {users.map((service) => (
            <Link key={service.name} className="listed" to={`/services/${encodeURIComponent(service.name)}`}>
              {service.name}
            </Link>
          ))}
        </span>
        <span className="grow" />
        <span role="status">{dirty ? t("list.unsaved") : ""}</span>
        <Button variant="default" component="a" href={`/api/v1/transactions/${encodeURIComponent(name)}/export`} download={`${name}.cfg`}>
          {t("common.export")}
        </Button>
        <Button variant="default" disabled={!dirty} onClick={() => setSections(cut(stored))}>
          {t("service.discard")}
        </Button>
        <Button disabled={!dirty || bad} onClick={() => void save()}>
          {t("common.save")}
        </Button>
      </div>
      {check.error && <ErrorNote error={check.error} />}
      <Tabs defaultValue="events" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="events">{t("list.events")}</Tabs.Tab>
          <Tabs.Tab value="history">{t("history.title")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="history" className="tabbed">
          <History of="transactions" name={name} />
        </Tabs.Panel>
        <Tabs.Panel value="events" className="tabbed">
          <div className="columns">
            <div className="stack">
              <PropertiesCard
                names={catalogue.data?.properties ?? []}
                section={sections.find((section) => section.name === PROPERTIES)}
                onChange={(next) => {
                  const index = sections.findIndex((section) => section.name === PROPERTIES);
                  if (index < 0) setSections([next, ...sections]);
                  else replace(index, next);
                }}
              />
              {sections.map((section, index) =>
                section.name === PROPERTIES ? null : (
                  <EventCard
                    key={`${index} ${section.name}`}
                    section={section}
                    known={ids.size === 0 || ids.has(section.name)}
                    names={catalogue.data?.parameters ?? []}
                    onChange={(next) => replace(index, next)}
                  />
                ),
              )}
              <Select
                label={t("list.add")}
                placeholder={t("list.add.hint")}
                data={unused.map((event) => ({ value: event.event_id, label: `${title(event.event_id)} · ${event.event_id}` }))}
                value={null}
                searchable
                withScrollArea={false}
                maxDropdownHeight={260}
                onChange={(value) => {
                  const event = events.find((one) => one.event_id === value);
                  if (event)
                    setSections([...sections, { name: event.event_id, entries: [["notify_params", event.attributes.join(", ")]] }]);
                }}
              />
            </div>
            <div className="stack">
              <Preview text={settled} users={users.map((service) => service.name)} />
              {check.data && <ReportView report={check.data} what={t("lists.count", { n: sections.filter((s) => ids.has(s.name)).length })} />}
            </div>
          </div>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

interface PropertiesProps {
  names: string[];
  section: Section | undefined;
  onChange: (section: Section) => void;
}

function PropertiesCard({ names, section, onChange }: PropertiesProps) {
  const now = section ?? { name: PROPERTIES, entries: [] };
  return (
    <section className="card" aria-label={t("list.properties")}>
      <h2>{t("list.properties")}</h2>
      <span className="quiet">{t("list.properties.hint")}</span>
      {names.map((name) => (
        <TextInput
          key={name}
          label={name}
          value={entry(now, name)}
          placeholder={t("list.as_service")}
          spellCheck={false}
          onChange={(event) => onChange(withEntry(now, name, event.currentTarget.value))}
        />
      ))}
    </section>
  );
}

function customProblem(section: Section): string | undefined {
  const text = entry(section, "notify_custom");
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? undefined : t("list.custom.object");
  } catch (error) {
    return t("list.custom.bad", { why: (error as Error).message });
  }
}

interface EventProps {
  section: Section;
  known: boolean;
  names: string[];
  onChange: (section: Section | undefined) => void;
}

function EventCard({ section, known, names, onChange }: EventProps) {
  const params = entry(section, "notify_params").split(",").map((name) => name.trim()).filter(Boolean);
  return (
    <section className="card" aria-label={section.name}>
      <div className="row">
        <h2>{title(section.name)}</h2>
        <span className="grow" />
        <ActionIcon variant="subtle" color="gray" aria-label={t("list.remove", { name: section.name })} onClick={() => onChange(undefined)}>
          ×
        </ActionIcon>
      </div>
      <span className="mono quiet">{section.name}</span>
      {!known && <span className="warning small">{t("list.unknown_event")}</span>}
      <TagsInput
        label={t("list.params")}
        data={names}
        value={params}
        withScrollArea={false}
        maxDropdownHeight={220}
        onChange={(next) => onChange(withEntry(section, "notify_params", next.join(", ")))}
        placeholder={params.length === 0 ? t("list.params.hint") : ""}
      />
      <Textarea
        label={t("list.custom")}
        rows={2}
        spellCheck={false}
        classNames={{ input: "mono" }}
        value={entry(section, "notify_custom")}
        placeholder='{"source": "ringback"}'
        error={customProblem(section)}
        onChange={(event) => onChange(withEntry(section, "notify_custom", event.currentTarget.value))}
      />
    </section>
  );
}

function Preview({ text, users }: { text: string; users: string[] }) {
  const [service, setService] = useState<string | null>(null);
  const chosen = service ?? users[0] ?? "";
  const preview = useQuery({
    queryKey: ["transactions", "preview", text, chosen],
    queryFn: () => previewList(text, chosen),
    placeholderData: (before) => before,
  });
  return (
    <section className="card" aria-label={t("list.preview")}>
      <h2>{t("list.preview")}</h2>
      <span className="quiet">{t("list.preview.hint")}</span>
      {users.length > 1 && (
        <Select label={t("callbacks.service")} data={users} value={chosen} onChange={setService} allowDeselect={false} withScrollArea={false} />
      )}
      {preview.error && <ErrorNote error={preview.error} />}
      {preview.data?.length === 0 && <Empty>{t("list.no_events")}</Empty>}
      {!preview.error &&
        (preview.data ?? []).map((one) => (
          <div key={one.event_id} className="tight">
            <h3>{title(one.event_id)}</h3>
            <pre className="pre" tabIndex={0} role="region" aria-label={t("list.body", { name: one.event_id })}>
              {pretty(one.body)}
            </pre>
          </div>
        ))}
    </section>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
