// SCXML sessions: what runs, how it changes, what can be done with one.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, good, type ScxmlSession } from "./client";
import { follow } from "./stream";

const LIST = ["sessions"];

export const useSessions = () =>
  useQuery({ queryKey: LIST, queryFn: async () => (await good(api.GET("/api/v1/sessions"))).sessions });

export const useSession = (id: string) =>
  useQuery({
    queryKey: ["session-view", id],
    queryFn: () => good(api.GET("/api/v1/sessions/{id}", { params: { path: { id } } })),
  });

export const useSessionChart = (id: string, ready: boolean) =>
  useQuery({
    queryKey: ["session-chart", id],
    enabled: ready,
    staleTime: Infinity,
    queryFn: () => good(api.GET("/api/v1/sessions/{id}/chart", { params: { path: { id } }, parseAs: "text" }) as never) as Promise<string>,
  });

/** Keeps what is known of sessions up to date while a page shows them. */
export function useSessionChanges(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const stop = new AbortController();
    const all = () => {
      void queries.invalidateQueries({ queryKey: LIST });
      void queries.invalidateQueries({ queryKey: ["session-view"] });
    };
    const one = (session: ScxmlSession) => {
      const known = queries.getQueryData<ScxmlSession[]>(LIST);
      if (known && !known.some((old) => old.id === session.id)) void queries.invalidateQueries({ queryKey: LIST });
      queries.setQueryData<ScxmlSession[]>(LIST, (list) => list?.map((old) => (old.id === session.id ? session : old)));
      // The lit states follow at once; the log is read after them.
      queries.setQueryData<ScxmlSession>(["session-view", session.id], (old) => old && { ...old, ...session });
      void queries.invalidateQueries({ queryKey: ["session-view", session.id] });
    };
    void follow("/api/v1/sessions/changes", stop.signal, (sent) =>
      sent.event === "session" ? one(sent.data as ScxmlSession) : all(),
    );
    return () => stop.abort();
  }, [queries]);
}

export const sendEvent = (id: string, name: string, data: unknown) =>
  good(api.POST("/api/v1/sessions/{id}/events", { params: { path: { id } }, body: { name, data: data as never } }));

export const endSession = (id: string) => good(api.DELETE("/api/v1/sessions/{id}", { params: { path: { id } } }));

export const startSession = async (src: string, params: Record<string, string>) =>
  ((await good(api.POST("/scxml/session/start", { body: { ...params, src } as never }))) as { sessionId: string }).sessionId;

/** What a session is called: the name of its document, else the last part of its address. */
export function titleOf(session: { name?: string; document?: string }): string {
  if (session.name) return session.name;
  const parts = (session.document ?? "").split(/[?#]/)[0]?.split("/") ?? [];
  return parts[parts.length - 1] || session.document || "";
}
