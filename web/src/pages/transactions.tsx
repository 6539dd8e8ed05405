// Transaction Lists: the list, a new one, import.
import { Button, Table, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { Link, useNavigate } from "react-router";
import { importList, useLists } from "../api/lists";
import { useServices } from "../api/services";
import { Dialog } from "../components/dialog";
import { ImportDialog } from "../components/import";
import { Empty, ErrorNote } from "../components/notes";
import { toast } from "../components/toasts";
import { t } from "../text";

export default function Transactions() {
  const lists = useLists();
  const services = useServices();
  const queries = useQueryClient();
  const [dialog, setDialog] = useState<"new" | "import">();
  const users = (name: string) =>
    (services.data ?? []).filter((service) => service.options._callback_events_list === name).map((one) => one.name);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.transactions")}</h1>
        <span className="grow" />
        <Button variant="default" onClick={() => setDialog("import")}>
          {t("common.import")}
        </Button>
        <Button onClick={() => setDialog("new")}>{t("lists.new")}</Button>
      </div>
      {lists.error && <ErrorNote error={lists.error} retry={() => void lists.refetch()} />}
      {lists.data?.length === 0 && <Empty>{t("lists.none")}</Empty>}
      {lists.data && lists.data.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="region" aria-label={t("nav.transactions")}>
          <Table verticalSpacing="sm" highlightOnHover>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("lists.name")}</Table.Th>
                <Table.Th>{t("lists.events")}</Table.Th>
                <Table.Th>{t("lists.receiver")}</Table.Th>
                <Table.Th>{t("lists.used_by")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {lists.data.map((list) => (
                <Table.Tr key={list.name}>
                  <Table.Td>
                    <Link to={`/transactions/${encodeURIComponent(list.name)}`}>{list.name}</Link>
                  </Table.Td>
                  <Table.Td>{list.events.length}</Table.Td>
                  <Table.Td className="wrap">{list.properties._status_notification_target ?? "–"}</Table.Td>
                  <Table.Td>
                    {users(list.name).length === 0 && <span className="quiet">{t("lists.unused")}</span>}
                    {users(list.name).map((name) => (
                      <Link key={name} className="listed" to={`/services/${encodeURIComponent(name)}`}>
                        {name}
                      </Link>
                    ))}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      {dialog === "new" && (
        <NewList known={(lists.data ?? []).map((list) => list.name)} onClose={() => setDialog(undefined)} />
      )}
      {dialog === "import" && (
        <ImportDialog
          title={t("lists.import")}
          hint={t("lists.import.hint")}
          accept=".cfg,.ini,.conf,.txt,text/plain"
          named
          what={(report) => t("lists.count", { n: (report as { events?: unknown[] }).events?.length ?? 0 })}
          run={importList}
          onDone={(_, name) => {
            toast(t("lists.imported", { name }));
            void queries.invalidateQueries({ queryKey: ["transactions"] });
            setDialog(undefined);
          }}
          onClose={() => setDialog(undefined)}
        />
      )}
    </div>
  );
}

/** What a new list begins with: the two ends of every callback. */
const BEGINNING = "[properties]\n\n[_cbe_on_service_create]\nnotify_params = _service_name, _customer_number\n\n[_cbe_on_service_exit]\nnotify_params = _service_name, c_termination_type\n";

function NewList({ known, onClose }: { known: string[]; onClose: () => void }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const taken = known.includes(name.trim());
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const answer = await importList(BEGINNING, { dry_run: false, strict: false }, name.trim());
      if (!answer.ok) throw new Error(answer.errors[0]?.message ?? "");
      await queries.invalidateQueries({ queryKey: ["transactions"] });
      toast(t("lists.imported", { name: name.trim() }));
      void navigate(`/transactions/${encodeURIComponent(name.trim())}`);
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog opened onClose={onClose} title={t("lists.new")}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <TextInput
          label={t("lists.name")}
          description={t("lists.name.hint")}
          required
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={taken ? t("lists.taken") : undefined}
        />
        {problem !== undefined && <ErrorNote error={problem} />}
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" disabled={name.trim() === "" || taken}>
            {t("lists.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
