// A question before something that cannot be undone; a refusal says what is in the way.
import { Button } from "@mantine/core";
import { useState } from "react";
import { t } from "../text";
import { Dialog } from "./dialog";
import { ErrorNote } from "./notes";

interface Props {
  title: string;
  question: string;
  /** What the button says that does it. */
  action: string;
  run: () => Promise<void>;
  onClose: () => void;
}

/** The question alone, closed once it is done. */
export function Question({ title, question, action, run, onClose }: Props) {
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await run();
      onClose();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return (
    <Dialog opened onClose={onClose} title={title}>
      <div className="stack">
        <span>{question}</span>
        {problem !== undefined && <ErrorNote error={problem} />}
        <div className="row end">
          <Button variant="default" onClick={onClose}>
            {t("common.back")}
          </Button>
          <Button color="red" loading={busy} onClick={() => void go()}>
            {action}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

/** A button that asks first. */
export function AskingButton(props: Omit<Props, "onClose">) {
  const [asked, setAsked] = useState(false);
  return (
    <>
      <Button color="red" variant="light" onClick={() => setAsked(true)}>
        {props.title}
      </Button>
      {asked && <Question {...props} onClose={() => setAsked(false)} />}
    </>
  );
}
