// Services and the catalogue of their options.
import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, asText, good, report, type Report } from "./client";
import { joined } from "./lists";

const LIST = queryOptions({
  queryKey: ["services"],
  queryFn: async () => (await good(api.GET("/api/v1/services"))).services,
});

export const useServices = () => useQuery(LIST);

export const useOptions = () =>
  useQuery({
    queryKey: ["options"],
    queryFn: async () => (await good(api.GET("/api/v1/options"))).options,
    staleTime: Infinity,
  });

const flags = (mode: { dry_run?: boolean; strict?: boolean }) => ({
  dry_run: String(mode.dry_run ?? false),
  strict: String(mode.strict ?? false),
});

export const importServices = (text: string, mode: { dry_run: boolean; strict: boolean }): Promise<Report> =>
  report(api.POST("/api/v1/services/import", { params: { query: flags(mode) }, body: text, ...asText }));

export const putService = (name: string, options: Record<string, string>, dry_run: boolean): Promise<Report> =>
  report(
    api.PUT("/api/v1/services/{name}", { params: { path: { name }, query: flags({ dry_run }) }, body: { options } }),
  );

/** What the import has to say about the services of the list, in which passwords are hidden. */
export function useServiceHealth() {
  const queries = useQueryClient();
  return useQuery({
    queryKey: ["services", "health"],
    queryFn: async () => {
      const services = await queries.fetchQuery(LIST);
      const sections = services.map(({ name, options }) => ({ name: `service.${name}`, entries: Object.entries(options) }));
      return importServices(joined(sections), { dry_run: true, strict: false });
    },
  });
}

export type Contact = "agent_first" | "agent_free" | "customer_first";

/** Who is called first, and the customer when. */
export function contactOf(options: Record<string, string>): Contact {
  if (options._userterminated_first_connect_party?.toUpperCase() === "AGENT") return "agent_first";
  return /^(true|1|yes)$/i.test(options._wait_for_agent || "true") ? "agent_free" : "customer_first";
}

/** Starting points for a new service. */
export const TEMPLATES: Record<string, Record<string, string>> = {
  agent_free: {
    _type: "ors", _service: "callback", _call_direction: "USERTERMINATED", _wait_for_agent: "true",
    _urs_virtual_queue: "VQ_{name}", _target: "{name}@Stats.GA",
  },
  agent_first: {
    _type: "ors", _service: "callback", _call_direction: "USERTERMINATED", _wait_for_agent: "true",
    _urs_virtual_queue: "VQ_{name}", _target: "{name}@Stats.GA", _userterminated_first_connect_party: "AGENT",
    _treatment_waiting_for_agent: "music.wav",
  },
  customer_first: {
    _type: "ors", _service: "callback", _call_direction: "USERTERMINATED", _wait_for_agent: "false",
    _urs_virtual_queue: "VQ_{name}", _target: "{name}@Stats.GA",
    _treatment_customer_connect: "greeting.wav", _treatment_waiting_for_agent: "music.wav",
  },
  scheduled: {
    _type: "ors", _service: "callback", _call_direction: "USERTERMINATED", _wait_for_agent: "true",
    _urs_virtual_queue: "VQ_{name}", _target: "{name}@Stats.GA",
    _reject_future_desired_time: "1M", _request_execution_time_buffer: "120",
  },
  notifying: {
    _type: "ors", _service: "callback", _call_direction: "USERTERMINATED", _wait_for_agent: "true",
    _urs_virtual_queue: "VQ_{name}", _target: "{name}@Stats.GA",
    _enable_status_notification: "subscribe_notify", _status_notification_type: "httpcb",
    _status_notification_target: "http://127.0.0.1:9000/events",
  },
};
