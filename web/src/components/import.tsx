// Import of a file or a pasted text: first the report, then the import itself.
import { Button, Checkbox, FileButton, TextInput, Textarea } from "@mantine/core";
import { useRef, useState } from "react";
import type { Report } from "../api/client";
import { t } from "../text";
import { Dialog } from "./dialog";
import { ErrorNote } from "./notes";
import { ReportView } from "./report";

interface Props {
  title: string;
  hint: string;
  accept: string;
  /** Ask for a name; the file's name is proposed. */
  named?: boolean;
  what: (report: Report) => string;
  run: (text: string, mode: { dry_run: boolean; strict: boolean }, name: string) => Promise<Report>;
  onDone: (report: Report, name: string) => void;
  onClose: () => void;
}

export function ImportDialog({ title, hint, accept, named, what, run, onDone, onClose }: Props) {
  const [text, setText] = useState("");
  const [name, setName] = useState("");
  const [strict, setStrict] = useState(false);
  const [report, setReport] = useState<Report>();
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const reset = useRef<() => void>(null);
  const go = async (dry_run: boolean) => {
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await run(text, { dry_run, strict }, name.trim());
      setReport(answer);
      if (!dry_run && answer.ok) onDone(answer, name.trim());
    } catch (error) {
      setReport(undefined);
      setProblem(error);
    }
    setBusy(false);
  };
  const take = (value: string) => {
    setText(value);
    setReport(undefined);
    setProblem(undefined);
  };
  const load = async (file: File | null) => {
    if (!file) return;
    take(await file.text());
    // The same file can be chosen again once it was changed.
    reset.current?.();
    if (!name) setName(file.name.replace(/\.[^.]*$/, ""));
  };
  const ready = text.trim() !== "" && (!named || name.trim() !== "");
  return (
    <Dialog opened onClose={onClose} title={title} size="xl">
      <div className="stack">
        <span className="quiet">{hint}</span>
        {named && (
          <TextInput label={t("import.name")} required value={name} onChange={(e) => setName(e.currentTarget.value)} />
        )}
        <div className="row">
          <FileButton resetRef={reset} onChange={(file) => void load(file)} accept={accept}>
            {(props) => (
              <Button variant="default" {...props}>
                {t("import.file")}
              </Button>
            )}
          </FileButton>
          <Checkbox
            label={t("import.strict")}
            checked={strict}
            onChange={(e) => {
              setStrict(e.currentTarget.checked);
              setReport(undefined);
            }}
          />
        </div>
        <Textarea
          label={t("import.text")}
          value={text}
          onChange={(e) => take(e.currentTarget.value)}
          rows={9}
          classNames={{ input: "mono" }}
          spellCheck={false}
        />
        {problem !== undefined && <ErrorNote error={problem} />}
        {report && <ReportView report={report} what={what(report)} />}
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.cancel")}
          </Button>
          <Button variant="default" disabled={!ready} loading={busy} onClick={() => void go(true)}>
            {t("import.check")}
          </Button>
          <Button disabled={!ready || (report !== undefined && !report.ok)} loading={busy} onClick={() => void go(false)}>
            {t("import.do")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
