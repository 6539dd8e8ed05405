// What a page says when there is nothing, or nothing good.
import { Alert, Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Refusal } from "../api/client";
import { t } from "../text";

/** Why something could not be loaded or done, with a way on. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  const refusal = error instanceof Refusal ? error : undefined;
  const gone = refusal?.status === 0;
  return (
    <Alert color="red" title={t(gone ? "error.no_answer" : refusal?.status === 503 ? "error.not_now" : "error.title")} role="alert">
      <div className="stack">
        <span>{gone ? t("error.no_answer.hint") : error instanceof Error ? error.message : String(error)}</span>
        {retry && (
          <div>
            <Button size="xs" variant="default" onClick={retry}>
              {t("error.retry")}
            </Button>
          </div>
        )}
      </div>
    </Alert>
  );
}

/** There is nothing yet: what it would be, and how to get it. */
export function Empty({ children }: { children: ReactNode }) {
  return <div className="empty">{children}</div>;
}
