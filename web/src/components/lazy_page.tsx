// Pages are files of their own: one that cannot be had now is fetched again, whatever the reason.
import { Component, lazy, type ComponentType, type ReactNode } from "react";
import { ErrorNote } from "./notes";

const PAUSE_MS = 2000;
/** After an update of the server its pages have other names: the whole document is read again, once. */
const RELOADED = "ringback.reloaded";
const RELOAD_AGAIN_MS = 60_000;

/** A page that is fetched when it is opened first. */
export function lazyPage(load: () => Promise<{ default: ComponentType }>) {
  return lazy(async () => {
    for (;;) {
      try {
        return await load();
      } catch {
        if (await isUpdated()) return await new Promise<never>(() => undefined);
        await new Promise((next) => setTimeout(next, PAUSE_MS));
      }
    }
  });
}

/** The server answers, only not with this page: the document is read anew. */
async function isUpdated(): Promise<boolean> {
  const answer = await fetch("/ui/", { cache: "no-store" }).catch(() => undefined);
  const last = Number(sessionStorage.getItem(RELOADED) ?? "0");
  if (!answer?.ok || Date.now() - last < RELOAD_AGAIN_MS) return false;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  window.location.reload();
  return true;
}

interface Props {
  children: ReactNode;
}

/** A page that breaks says so; the others go on. */
export class Fence extends Component<Props, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <div className="page">
        <ErrorNote error={this.state.error} retry={() => this.setState({ error: undefined })} />
      </div>
    );
  }
}
