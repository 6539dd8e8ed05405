// Login, navigation and the pages.
import { ActionIcon, Alert, Badge, Burger, Button, Center, Loader, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { onlineManager, useQuery, useQueryClient } from "@tanstack/react-query";
import { Suspense, useEffect, useRef, useState } from "react";
import { Link, NavLink, Navigate, Route, Routes, useLocation } from "react-router";
import { askingAnew } from "./api/anew";
import { api, good, onLoggedOut, tellLoggedIn, type Session } from "./api/client";
import { onLive, startLive, useLiveState } from "./api/live";
import { Fence, lazyPage } from "./components/lazy_page";
import { ErrorNote } from "./components/notes";
import { toastError } from "./components/toasts";
import { Login } from "./pages/login";
import { t, type TextKey } from "./text";

const Overview = lazyPage(() => import("./pages/overview"));
const Services = lazyPage(() => import("./pages/services"));
const ServicePage = lazyPage(() => import("./pages/service"));
const Treatments = lazyPage(() => import("./pages/treatments"));
const Transactions = lazyPage(() => import("./pages/transactions"));
const TransactionPage = lazyPage(() => import("./pages/transaction"));
const Callbacks = lazyPage(() => import("./pages/callbacks"));
const CallbackPage = lazyPage(() => import("./pages/callback"));
const Notifications = lazyPage(() => import("./pages/notifications"));
const Agents = lazyPage(() => import("./pages/agents"));
const Sessions = lazyPage(() => import("./pages/sessions"));
const SessionPage = lazyPage(() => import("./pages/session"));

const PAGES: { path: string; title: TextKey }[] = [
  { path: "/overview", title: "nav.overview" },
  { path: "/callbacks", title: "nav.callbacks" },
  { path: "/services", title: "nav.services" },
  { path: "/treatments", title: "nav.treatments" },
  { path: "/transactions", title: "nav.transactions" },
  { path: "/notifications", title: "nav.notifications" },
  { path: "/agents", title: "nav.agents" },
  { path: "/sessions", title: "nav.sessions" },
];

export function App() {
  const queries = useQueryClient();
  const session = useQuery({ queryKey: ["session"], queryFn: () => good(api.GET("/api/v1/session")) });
  useEffect(
    () =>
      onLoggedOut(() =>
        queries.setQueryData<Session>(["session"], (old) => old && { ...old, authenticated: false }),
      ),
    [queries],
  );
  const [was, setWas] = useState(false);
  const authenticated = session.data?.authenticated === true;
  useEffect(() => {
    // Without a session nothing is asked in the background.
    onlineManager.setOnline(authenticated || session.data === undefined);
    if (!authenticated) return;
    if (was) void queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "session" });
    setWas(true);
    tellLoggedIn();
    // Only a change of the session matters here.
  }, [authenticated, session.data === undefined]);
  if (session.isPending) return <Waiting />;
  if (!session.data)
    return (
      <main className="narrow">
        <ErrorNote error={session.error} retry={() => void session.refetch()} />
      </main>
    );
  const out = !session.data.authenticated;
  return (
    <>
      {out && <Login again={was} />}
      {/* What was typed stays there while a new session is made. */}
      {(was || !out) && (
        <div className="inside" hidden={out} inert={out}>
          <Inside session={session.data} />
        </div>
      )}
    </>
  );
}

function Inside({ session }: { session: Session }) {
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  const before = useRef(pathname);
  useEffect(() => startLive(), []);
  useEffect(() => {
    const ask = askingAnew(queries);
    return onLive((events) => {
      for (const id of new Set(events.map((event) => event.callback_id))) ask(["callback", id]);
      for (const key of ["callbacks", "overview", "agents"]) ask([key]);
    });
  }, [queries]);
  useEffect(() => {
    setOpen(false);
    const page = PAGES.find((known) => pathname.startsWith(known.path));
    document.title = page ? `${t(page.title)} · Ringback` : "Ringback";
    // Keyboard and screen reader go on in the page that was opened, not in what led to it.
    if (before.current !== pathname && before.current !== "/") main.current?.focus();
    before.current = pathname;
  }, [pathname]);
  return (
    <div className="shell" data-open={open}>
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <header className="top">
        <Burger className="burger" opened={open} onClick={() => setOpen(!open)} size="sm" aria-label={t("nav.menu")} />
        <Link to="/overview" className="brand">
          Ringback
        </Link>
        <span className="grow" />
        <LiveBadge />
        <SchemeButton />
        {session.required && <LogoutButton />}
      </header>
      <nav className="side" aria-label={t("nav.pages")}>
        {PAGES.map((page) => (
          <NavLink key={page.path} to={page.path} className="side-link">
            {t(page.title)}
          </NavLink>
        ))}
        <span className="grow" />
        <span className="version">{t("nav.version", { version: session.version })}</span>
      </nav>
      <main id="main" tabIndex={-1} ref={main}>
        <Connection />
        <Fence key={pathname}>
          <Suspense fallback={<Waiting />}>
            <Routes>
              <Route path="/" element={<Navigate to="/overview" replace />} />
              <Route path="/overview" element={<Overview />} />
              <Route path="/services" element={<Services />} />
              <Route path="/services/:name" element={<ServicePage />} />
              <Route path="/treatments" element={<Treatments />} />
              <Route path="/transactions" element={<Transactions />} />
              <Route path="/transactions/:name" element={<TransactionPage />} />
              <Route path="/callbacks" element={<Callbacks />} />
              <Route path="/callbacks/:id" element={<CallbackPage />} />
              <Route path="/notifications" element={<Notifications />} />
              <Route path="/agents" element={<Agents />} />
              <Route path="/sessions" element={<Sessions />} />
              <Route path="/sessions/:id" element={<SessionPage />} />
              <Route path="*" element={<Nowhere />} />
            </Routes>
          </Suspense>
        </Fence>
      </main>
    </div>
  );
}

/** So long is a broken channel only a word at the edge: most are back by then. */
const BROKEN_MS = 2000;

/** Says that what is shown may be old; once the server is back everything is read again. */
function Connection() {
  const queries = useQueryClient();
  const live = useLiveState();
  const [lost, setLost] = useState(false);
  const broke = useRef(false);
  useEffect(() => {
    if (live === "live") {
      setLost(false);
      if (broke.current) void queries.invalidateQueries();
      broke.current = false;
      return;
    }
    broke.current ||= live === "waiting";
    const timer = setTimeout(() => setLost(broke.current), BROKEN_MS);
    return () => clearTimeout(timer);
  }, [live, queries]);
  if (!lost) return null;
  return (
    <Alert color="orange" className="connection" role="alert" title={t("live.lost")}>
      {t("live.lost.hint")}
    </Alert>
  );
}

function LiveBadge() {
  const state = useLiveState();
  const color = state === "live" ? "green" : state === "waiting" ? "orange" : "gray";
  return (
    <Tooltip label={t(`live.${state}.hint`)}>
      <Badge color={color} variant="dot" role="status" className="plain-badge">
        {t(`live.${state}`)}
      </Badge>
    </Tooltip>
  );
}

function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme({
    // The library would switch transitions off by a style in the page.
    keepTransitions: true,
  });
  const scheme = useComputedColorScheme("light");
  const next = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon variant="subtle" color="gray" onClick={() => setColorScheme(next)} aria-label={t(`scheme.${next}`)}>
      <svg width="18" height="18" viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" strokeWidth="2" />
        <path d="M12 3a9 9 0 0 1 0 18z" fill="currentColor" />
      </svg>
    </ActionIcon>
  );
}

function LogoutButton() {
  const queries = useQueryClient();
  const logOut = async () => {
    try {
      await good(api.DELETE("/api/v1/session"));
      queries.clear();
      window.location.assign("/ui/");
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <Button variant="subtle" color="gray" size="compact-sm" onClick={() => void logOut()}>
      {t("login.out")}
    </Button>
  );
}

function Waiting() {
  return (
    <Center className="waiting">
      <Loader aria-label={t("common.loading")} />
    </Center>
  );
}

function Nowhere() {
  return (
    <div className="page">
      <h1>{t("nowhere.title")}</h1>
      <Link to="/overview">{t("nowhere.back")}</Link>
    </div>
  );
}
