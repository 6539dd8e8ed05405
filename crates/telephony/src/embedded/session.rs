//! Session timers of a call (RFC 4028): what our messages say, refreshes, the end in time.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Headers, Method, Request, Response};
use sip::session_timer::{
    Answer, Due, MIN_SE_S, Refreshed, Role, SessionExpires, Timer, WANTED_S, Wish, answer,
};
use tokio::time::Instant;

use super::core::Input;
use super::dialog::Dialog;
use super::established::Call;
use super::message::{sdp, sdp_headers, value, values};

/// Longest interval that a peer may ask for, s: beyond it the timer is of no use.
const INTERVAL_MAX_S: u32 = 24 * 60 * 60;

/// The timer of one call.
#[derive(Debug, Default)]
pub(super) struct SessionTimer {
    timer: Option<Timer>,
    /// The peer takes UPDATE.
    updates: bool,
    /// A re-INVITE of ours is under way.
    pub(super) inviting: bool,
}

/// Headers of an INVITE of ours.
pub(super) fn offer_headers(interval_s: u32) -> Vec<Header> {
    let expires = SessionExpires {
        seconds: interval_s,
        refresher: None,
    };
    vec![
        Header::Supported("timer".into()),
        Header::SessionExpires(expires.text().into()),
        Header::MinSE(least(interval_s).to_string().into()),
    ]
}

/// `Min-SE` that goes with an interval: our own, until a peer asked for more.
fn least(interval_s: u32) -> u32 {
    if interval_s > WANTED_S {
        interval_s
    } else {
        MIN_SE_S
    }
}

/// The interval with which an INVITE that got 422 is sent again.
pub(super) fn longer(response: &Response) -> Option<u32> {
    let least_s: u32 = value(&response.headers, "Min-SE")
        .split(';')
        .next()?
        .trim()
        .parse()
        .ok()?;
    (least_s <= INTERVAL_MAX_S).then(|| least_s.max(WANTED_S))
}

/// What a message says of timers.
fn wish(headers: &Headers) -> Wish {
    let names_timer = |name| {
        values(headers, name)
            .flat_map(|value| value.split(','))
            .any(|tag| tag.trim().eq_ignore_ascii_case("timer"))
    };
    Wish {
        expires: expires(headers),
        min_se_s: value(headers, "Min-SE")
            .split(';')
            .next()
            .and_then(|seconds| seconds.trim().parse().ok()),
        supported: names_timer("Supported") || names_timer("Require"),
    }
}

fn expires(headers: &Headers) -> Option<SessionExpires> {
    // The compact form is `x` (RFC 4028 §4).
    let value = ["Session-Expires", "x"]
        .into_iter()
        .find_map(|name| values(headers, name).next())?;
    SessionExpires::parse(value)
}

fn takes_update(headers: &Headers) -> bool {
    values(headers, "Allow")
        .flat_map(|value| value.split(','))
        .any(|method| method.trim().eq_ignore_ascii_case("UPDATE"))
}

impl Call {
    /// Now on the clock of session timers, ms.
    fn session_now_ms(&self) -> u64 {
        let second_ms = self.core.settings.timers.session_second.as_millis().max(1);
        let now_ms = u128::from(self.core.clock.now_ms());
        u64::try_from(now_ms * 1000 / second_ms).unwrap_or(u64::MAX)
    }

    /// The peer answered our INVITE: the timer begins as the answer says.
    pub(super) fn begin_timer(&mut self, response: &Response) {
        let now_ms = self.session_now_ms();
        self.timer.updates = takes_update(&response.headers);
        self.timer.timer = Timer::begin(expires(&response.headers), true, now_ms);
    }

    /// Answers what a request says of timers: headers of our 2xx, or `Err` with those of 422.
    pub(super) fn answer_timer(&mut self, request: &Request) -> Result<Vec<Header>, Vec<Header>> {
        let now_ms = self.session_now_ms();
        let wish = wish(&request.headers);
        self.timer.updates |= takes_update(&request.headers);
        let expires = match (answer(&wish), self.timer.timer) {
            (Answer::TooSmall, _) => {
                return Err(vec![Header::MinSE(MIN_SE_S.to_string().into())]);
            }
            (Answer::On(expires), _) => expires,
            // A request that does not speak of timers takes none away.
            (Answer::Off, Some(timer)) => SessionExpires {
                seconds: timer.interval_s(),
                refresher: Some(Role::Uas),
            },
            (Answer::Off, None) => return Ok(Vec::new()),
        };
        self.timer.timer = Timer::begin(Some(expires), false, now_ms);
        let mut headers = vec![Header::SessionExpires(expires.text().into())];
        if expires.refresher == Some(Role::Uac) {
            headers.push(Header::Require("timer".into()));
        }
        Ok(headers)
    }

    /// When the timer wants something; far away without one.
    pub(super) fn timer_deadline(&self) -> Instant {
        let wait = self.timer.timer.map(|timer| {
            let left_ms = timer.next_ms().saturating_sub(self.session_now_ms());
            let second = self.core.settings.timers.session_second;
            second.mul_f64(f64::from(u32::try_from(left_ms).unwrap_or(u32::MAX)) / 1000.0)
        });
        Instant::now() + wait.unwrap_or(Duration::from_secs(3600)) + Duration::from_millis(1)
    }

    /// Does what the timer wants; true when the call has to end.
    pub(super) fn on_timer(&mut self, dialog: &mut Dialog) -> bool {
        let now_ms = self.session_now_ms();
        let due = self
            .timer
            .timer
            .as_mut()
            .and_then(|timer| timer.due(now_ms));
        self.act_on_timer(due, dialog)
    }

    /// A refresh came to its end; true when the call has to end.
    pub(super) fn on_refreshed(
        &mut self,
        response: Option<&Response>,
        dialog: &mut Dialog,
    ) -> bool {
        let invited = std::mem::take(&mut self.timer.inviting);
        let refreshed = match response.map(|r| (r.status_code.code(), r)) {
            Some((200..300, response)) => {
                if invited
                    && let Some(body) = sdp(&response.headers, &response.body)
                    && let Ok(remote) = self.session.read_answer(body)
                {
                    self.connect(&remote);
                }
                Refreshed::Accepted(expires(&response.headers))
            }
            Some((422, response)) => Refreshed::TooSmall(longer(response).unwrap_or(0)),
            Some((405 | 501, _)) => {
                self.timer.updates = false;
                Refreshed::Refused
            }
            Some((408 | 481, _)) | None => Refreshed::Gone,
            Some(_) => Refreshed::Refused,
        };
        let now_ms = self.session_now_ms();
        let due = self
            .timer
            .timer
            .as_mut()
            .and_then(|timer| timer.handle(refreshed, now_ms));
        self.act_on_timer(due, dialog)
    }

    fn act_on_timer(&mut self, due: Option<Due>, dialog: &mut Dialog) -> bool {
        match due {
            Some(Due::Refresh) => {
                self.refresh(dialog);
                false
            }
            Some(Due::GiveUp) => {
                tracing::info!(call.id = %self.id(), "a session ran out");
                true
            }
            None => false,
        }
    }

    /// UPDATE when the peer takes it, else a re-INVITE with what was agreed.
    fn refresh(&mut self, dialog: &mut Dialog) {
        let Some(timer) = self.timer.timer else {
            return;
        };
        let method = if self.timer.updates {
            Method::Update
        } else {
            Method::Invite
        };
        let Some(mut request) = dialog.request(&self.core, method) else {
            return;
        };
        // Answers to challenges take the numbers that follow.
        dialog.cseq += 2;
        let (expires, min_se_s) = timer.wish();
        request.headers.extend(vec![
            Header::Contact(self.contact.clone().into()),
            Header::Supported("timer".into()),
            Header::SessionExpires(expires.text().into()),
            Header::MinSE(min_se_s.to_string().into()),
        ]);
        if method == Method::Invite {
            self.timer.inviting = true;
            request.headers.push(sdp_headers());
            request.body = self.session.offer().into_bytes();
        }
        let core = Arc::clone(&self.core);
        let credentials = self.credentials.clone();
        let inbox = self.leg.sender();
        let dialog = dialog.clone();
        self.core.spawn(async move {
            let destination = dialog.destination(&core).await;
            let answer = core
                .exchange_as(request, &destination, credentials.as_ref())
                .await;
            inbox
                .send(Input::Refreshed(answer.map(Box::new)))
                .await
                .ok();
        });
    }
}
