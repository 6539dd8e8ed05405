// A button that removes something for good, after a question; a refusal says what is in the way.
import { Button } from "@mantine/core";
import { useState } from "react";
import { t } from "../text";
import { Dialog } from "./dialog";
import { ErrorNote } from "./notes";

interface Props {
  label: string;
  question: string;
  run: () => Promise<void>;
}

export function RemoveButton({ label, question, run }: Props) {
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const close = () => {
    setAsked(false);
    setProblem(undefined);
  };
  const go = async () => {
    setBusy(true);
    try {
      await run();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return (
    <>
      <Button color="red" variant="light" onClick={() => setAsked(true)}>
        {label}
      </Button>
      <Dialog opened={asked} onClose={close} title={label}>
        <div className="stack">
          <span>{question}</span>
          {problem !== undefined && <ErrorNote error={problem} />}
          <div className="row end">
            <Button variant="default" onClick={close}>
              {t("common.back")}
            </Button>
            <Button color="red" loading={busy} onClick={() => void go()}>
              {t("common.remove")}
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}
