// Configured services: the list with health, a new one, import and export.
import { Button, Select, Table, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { Link, useNavigate } from "react-router";
import type { Report, Service } from "../api/client";
import { TEMPLATES, contactOf, importServices, putService, useServiceHealth, useServices } from "../api/services";
import { Dialog } from "../components/dialog";
import { ImportDialog } from "../components/import";
import { Empty, ErrorNote } from "../components/notes";
import { ReportView } from "../components/report";
import { Status } from "../components/status";
import { Time } from "../components/time";
import { toast } from "../components/toasts";
import { t, type TextKey } from "../text";

export default function Services() {
  const services = useServices();
  const health = useServiceHealth();
  const queries = useQueryClient();
  const [search, setSearch] = useState("");
  const [dialog, setDialog] = useState<"new" | "import">();
  const shown = (services.data ?? []).filter((service) => service.name.toLowerCase().includes(search.toLowerCase()));
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.services")}</h1>
        <span className="grow" />
        <Button variant="default" component="a" href="/api/v1/services/export" download="services.ini">
          {t("common.export")}
        </Button>
        <Button variant="default" onClick={() => setDialog("import")}>
          {t("common.import")}
        </Button>
        <Button onClick={() => setDialog("new")}>{t("services.new")}</Button>
      </div>
      {services.error && <ErrorNote error={services.error} retry={() => void services.refetch()} />}
      {services.data && services.data.length > 0 && (
        <TextInput
          aria-label={t("services.search")}
          placeholder={t("services.search")}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      {services.data?.length === 0 && <Empty>{t("services.none")}</Empty>}
      {shown.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="region" aria-label={t("nav.services")}>
          <Table verticalSpacing="sm" highlightOnHover>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("services.name")}</Table.Th>
                <Table.Th>{t("services.health")}</Table.Th>
                <Table.Th>{t("services.queue")}</Table.Th>
                <Table.Th>{t("services.target")}</Table.Th>
                <Table.Th>{t("services.contact")}</Table.Th>
                <Table.Th>{t("services.changed")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {shown.map((service) => (
                <ServiceRow key={service.name} service={service} health={health.data} />
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      {services.data && services.data.length > 0 && shown.length === 0 && <Empty>{t("services.no_match")}</Empty>}
      {dialog === "new" && <NewService known={services.data ?? []} onClose={() => setDialog(undefined)} />}
      {dialog === "import" && (
        <ImportDialog
          title={t("services.import")}
          hint={t("services.import.hint")}
          accept=".ini,.cfg,.conf,.txt,text/plain"
          what={(report) => String((report as { services?: unknown[] }).services?.length ?? 0)}
          run={importServices}
          onDone={(report) => {
            const count = (report as { services?: unknown[] }).services?.length ?? 0;
            toast(t("services.imported", { n: count }));
            void queries.invalidateQueries({ queryKey: ["services"] });
            setDialog(undefined);
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
    </div>
  );
}

function ServiceRow({ service, health }: { service: Service; health?: Report }) {
  const of = (list?: Report["warnings"]) => (list ?? []).filter((place) => place.service === service.name).length;
  const [bad, odd] = [of(health?.errors), of(health?.warnings)];
  return (
    <Table.Tr>
      <Table.Td>
        <Link to={`/services/${encodeURIComponent(service.name)}`}>{service.name}</Link>
      </Table.Td>
      <Table.Td>
        {bad > 0 ? (
          <Status word="failed" label={t("services.errors", { n: bad })} />
        ) : odd > 0 ? (
          <Status word="pending" label={t("services.notes", { n: odd })} />
        ) : (
          <Status word="delivered" label={t("services.well")} />
        )}
      </Table.Td>
      <Table.Td className="wrap">{service.options._urs_virtual_queue ?? "–"}</Table.Td>
      <Table.Td className="wrap">{service.options._target ?? "–"}</Table.Td>
      <Table.Td>{t(`services.${contactOf(service.options)}`)}</Table.Td>
      <Table.Td>
        <Time at={service.changed} />
      </Table.Td>
    </Table.Tr>
  );
}

function NewService({ known, onClose }: { known: Service[]; onClose: () => void }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [template, setTemplate] = useState("agent_free");
  const [report, setReport] = useState<Report>();
  const [problem, setProblem] = useState<unknown>();
  const taken = known.some((service) => service.name === name.trim());
  const options = Object.fromEntries(
    Object.entries(TEMPLATES[template] ?? {}).map(([key, value]) => [key, value.replaceAll("{name}", name.trim())]),
  );
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(undefined);
    try {
      const answer = await putService(name.trim(), options, false);
      setReport(answer);
      if (!answer.ok) return;
      toast(t("services.made", { name: name.trim() }));
      await queries.invalidateQueries({ queryKey: ["services"] });
      void navigate(`/services/${encodeURIComponent(name.trim())}`);
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog opened onClose={onClose} title={t("services.new")}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <TextInput
          label={t("services.name")}
          description={t("services.name.hint")}
          required
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={taken ? t("services.taken") : undefined}
        />
        <Select
          label={t("services.template")}
          data={Object.keys(TEMPLATES).map((value) => ({ value, label: t(`template.${value}` as TextKey) }))}
          value={template}
          onChange={(value) => setTemplate(value ?? "agent_free")}
          allowDeselect={false}
          withScrollArea={false}
          description={t(`template.${template}.hint` as TextKey)}
        />
        {problem !== undefined && <ErrorNote error={problem} />}
        {report && !report.ok && <ReportView report={report} what="" />}
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" disabled={name.trim() === "" || taken}>
            {t("services.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
