// Treatments: the sounds that services play; listen, upload, drop in, remove.
import { Button, Table, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import type { Treatment } from "../api/client";
import { removeTreatment, useTreatments } from "../api/treatments";
import { Empty, ErrorNote } from "../components/notes";
import { Question } from "../components/question";
import { Status } from "../components/status";
import { Time } from "../components/time";
import { toast } from "../components/toasts";
import { DropSounds, Listen } from "../components/treatment";
import { t } from "../text";

export default function Treatments() {
  const files = useTreatments();
  const [search, setSearch] = useState("");
  const [removing, setRemoving] = useState<Treatment>();
  const word = search.trim().toLowerCase();
  const shown = (files.data ?? []).filter((file) => `${file.name} ${file.used_by.join(" ")}`.toLowerCase().includes(word));
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.treatments")}</h1>
      </div>
      <span className="quiet">{t("treatments.hint")}</span>
      <DropSounds many onStored={() => setSearch("")} />
      {files.error && <ErrorNote error={files.error} retry={() => void files.refetch()} />}
      {files.data && (
        <>
          <TextInput
            aria-label={t("treatments.search")}
            placeholder={t("treatments.search")}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          {shown.length === 0 ? <Empty>{t("treatments.no_match")}</Empty> : <Files files={shown} onRemove={setRemoving} />}
        </>
      )}
      {removing && <Remove file={removing} onClose={() => setRemoving(undefined)} />}
    </div>
  );
}

function Files({ files, onRemove }: { files: Treatment[]; onRemove: (file: Treatment) => void }) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label={t("nav.treatments")}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("treatments.name")}</Table.Th>
            <Table.Th>{t("treatments.sound")}</Table.Th>
            <Table.Th className="num">{t("treatments.length")}</Table.Th>
            <Table.Th className="num">{t("treatments.size")}</Table.Th>
            <Table.Th>{t("treatments.used_by")}</Table.Th>
            <Table.Th>{t("treatments.changed")}</Table.Th>
            <Table.Th aria-label={t("deliveries.actions")} />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {files.map((file) => (
            <Table.Tr key={file.name}>
              <Table.Td className="unbroken mono">{file.name}</Table.Td>
              <Table.Td>
                {file.problem ? (
                  <div className="tight">
                    <Status word="failed" label={t("treatments.unplayable")} />
                    <span className="small wrap">{file.problem}</span>
                  </div>
                ) : (
                  <Listen key={`${file.name}${file.changed ?? ""}`} name={file.name} changed={file.changed} />
                )}
              </Table.Td>
              <Table.Td className="num">{file.ms == null ? "–" : t("treatments.seconds", { n: (file.ms / 1000).toFixed(1) })}</Table.Td>
              <Table.Td className="num">
                {file.shipped ? t("treatments.shipped") : t("treatments.kb", { n: Math.max(1, Math.round(file.bytes / 1024)) })}
              </Table.Td>
              <Table.Td className="wrap">
                {file.used_by.length === 0 ? "–" : file.used_by.map((name) => (
                  <Link key={name} className="listed" to={`/services/${encodeURIComponent(name)}`}>
                    {name}
                  </Link>
                ))}
              </Table.Td>
              <Table.Td>
                <Time at={file.changed} />
              </Table.Td>
              <Table.Td>
                {!file.shipped && (
                  <Button size="compact-sm" variant="subtle" color="red" onClick={() => onRemove(file)} aria-label={t("treatments.remove.of", { name: file.name })}>
                    {t("treatments.remove")}
                  </Button>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Remove({ file, onClose }: { file: Treatment; onClose: () => void }) {
  const queries = useQueryClient();
  const go = async () => {
    await removeTreatment(file.name);
    toast(t("treatments.removed", { name: file.name }));
    await queries.invalidateQueries({ queryKey: ["treatments"] });
  };
  return (
    <Question
      title={t("treatments.remove")}
      question={t("treatments.remove.question", { name: file.name })}
      action={t("treatments.remove.do")}
      run={go}
      onClose={onClose}
    />
  );
}
