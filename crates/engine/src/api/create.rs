//! A create request on its way to the shard: known before? allowed? then made durable.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use callback::request;
use callback::settings::Events;
use callback::{Callback, CallbackId, Error, ErrorCode, ServiceName, Timestamp};
use rand::RngExt;
use store::IdempotencyRow;

use super::{Engine, NewCallback, not_ready, read_error};
use crate::limits;
use crate::notify;
use crate::shard::{self, Command, NewRecord};

impl Engine {
    /// Makes a callback; answers when it is durable.
    ///
    /// # Errors
    /// The refusals of callback-api §8.2.
    pub async fn create(&self, new: NewCallback) -> Result<Arc<Callback>, Error> {
        if self.inner.shared.draining.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorCode::NotReady,
                "The server is going down, try again",
            ));
        }
        if !self.inner.shared.store_ok.load(Ordering::Acquire) {
            return Err(not_ready());
        }
        let service = self
            .service(&new.service)
            .filter(|service| service.is_callback())
            .ok_or_else(|| unknown_service(&new.service))?;
        let now = self.now();
        if let Some(known) = self.answered_before(&new, now).await? {
            return Ok(known);
        }
        let id = CallbackId::at_time(self.inner.node, now, rand::rng().random());
        let request = request::Request {
            parameters: new.parameters,
            user_data: new.user_data,
            gms_user: new.gms_user,
        };
        let (mut callback, resolved) = request::prepare(
            &service,
            request,
            &self.inner.dialplan,
            &self.inner.resolver,
            id.clone(),
            now,
        )?;
        self.check_target(&callback)?;
        self.check_device(&callback)?;
        if callback.settings.notification.plan.events == Events::MissingList {
            tracing::error!(
                service = %new.service,
                list = callback.settings.notification.events_list,
                "the Transaction List does not exist: nothing is published"
            );
        }
        callback.counted.values = resolved.admission.values_of(&callback, &new.headers);
        let idempotency = new.idempotency.map(|idempotency| IdempotencyRow {
            key: scoped_key(&new.service, &idempotency.key),
            body_hash: idempotency.body_hash,
            callback: id,
            at: now,
        });
        let new = Box::new(NewRecord {
            callback,
            resolved,
            idempotency,
        });
        self.ask_to_end(|reply| Command::Create { new, reply })
            .await?
    }

    /// The callback that an idempotency key made before.
    async fn answered_before(
        &self,
        new: &NewCallback,
        now: Timestamp,
    ) -> Result<Option<Arc<Callback>>, Error> {
        let Some(idempotency) = &new.idempotency else {
            return Ok(None);
        };
        let key = scoped_key(&new.service, &idempotency.key);
        let oldest = now - limits::IDEMPOTENCY_TTL;
        let row = self
            .inner
            .store
            .idempotency(&key, oldest)
            .await
            .map_err(read_error)?;
        let Some(row) = row else { return Ok(None) };
        if row.body_hash != idempotency.body_hash {
            return Err(shard::key_used_differently());
        }
        Ok(self.callback(&row.callback).await?.map(Arc::new))
    }

    /// A question that cannot be sent is refused at once.
    fn check_device(&self, callback: &Callback) -> Result<(), Error> {
        let Some(confirmation) = &callback.confirmation else {
            return Ok(());
        };
        let device = &confirmation.device;
        self.inner
            .publisher
            .check_provider(&device.provider, device.debug)
            .map_err(|message| {
                Error::new(
                    ErrorCode::NotAvailable,
                    format!("No push can be sent to the customer's device: {message}"),
                )
                .field("push_notification_provider")
            })
    }

    /// A literal inner address in a request is refused at once (notifications §7.6).
    fn check_target(&self, callback: &Callback) -> Result<(), Error> {
        let n = &callback.settings.notification;
        if n.plan.node_from_request && !n.plan.node.is_empty() {
            notify::check_url(&n.plan.node, &self.inner.allow_hosts).map_err(|message| {
                Error::new(ErrorCode::AddressNotAllowed, message).field("_ors")
            })?;
        }
        if !n.target_from_request || n.target.is_empty() {
            return Ok(());
        }
        // An opaque device id or a session id leads nowhere by itself.
        if n.channel != "httpcb" {
            return Ok(());
        }
        notify::check_url(&n.target, &self.inner.allow_hosts).map_err(|message| {
            Error::new(ErrorCode::AddressNotAllowed, message).field("_status_notification_target")
        })
    }
}

fn scoped_key(service: &ServiceName, key: &str) -> String {
    format!("{service}\n{key}")
}

fn unknown_service(name: &ServiceName) -> Error {
    Error::new(
        ErrorCode::NotFound,
        format!("There is no callback service {name}"),
    )
}
