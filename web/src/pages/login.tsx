// Login with the credentials of the operator.
import { Alert, Button, PasswordInput, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { Refusal, api, good } from "../api/client";
import { t } from "../text";

export function Login({ again }: { again: boolean }) {
  const queries = useQueryClient();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      const session = await good(api.POST("/api/v1/session", { body: { username, password } }));
      queries.setQueryData(["session"], session);
    } catch (error) {
      const none = error instanceof Refusal && error.status === 0;
      setProblem(none ? t("error.no_answer.hint") : (error as Error).message);
    }
    setBusy(false);
  };
  return (
    <main className="narrow">
      <h1>Ringback</h1>
      <p className="quiet">{t(again ? "login.again" : "login.hint")}</p>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <TextInput
          label={t("login.username")}
          autoComplete="username"
          autoFocus
          required
          value={username}
          onChange={(event) => setUsername(event.currentTarget.value)}
        />
        <PasswordInput
          label={t("login.password")}
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          visibilityToggleButtonProps={{ "aria-label": t("login.show") }}
        />
        {problem && (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        )}
        <Button type="submit" loading={busy}>
          {t("login.in")}
        </Button>
      </form>
    </main>
  );
}
