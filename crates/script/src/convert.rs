//! Values across the border: JSON in, JSON out.

use rquickjs::{Array, Coerced, Ctx, Object, Result, Value};
use serde_json::{Number, Value as Json};

use crate::sandbox::Handle;

/// Depth of values that may cross the border.
pub const DEPTH_MAX: usize = 200;

/// Integers beyond this are not exact in ECMAScript.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What a function of a program is called with.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// No value.
    Undefined,
    /// A text.
    Text(&'a str),
    /// Any JSON value.
    Json(&'a Json),
    /// A value that is kept in the same sandbox.
    Kept(Handle),
}

/// Builds a value of the script from JSON.
pub(crate) fn to_js<'js>(ctx: &Ctx<'js>, json: &Json, depth: usize) -> Result<Value<'js>> {
    if depth > DEPTH_MAX {
        return Err(rquickjs::Exception::throw_range(
            ctx,
            "the value is nested too deeply",
        ));
    }
    Ok(match json {
        Json::Null => Value::new_null(ctx.clone()),
        Json::Bool(value) => Value::new_bool(ctx.clone(), *value),
        Json::Number(number) => match number.as_i64().map(i32::try_from) {
            Some(Ok(small)) => Value::new_int(ctx.clone(), small),
            _ => Value::new_float(ctx.clone(), number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => rquickjs::String::from_str(ctx.clone(), text)?.into_value(),
        Json::Array(list) => {
            let array = Array::new(ctx.clone())?;
            for (index, item) in list.iter().enumerate() {
                array.set(index, to_js(ctx, item, depth + 1)?)?;
            }
            array.into_value()
        }
        Json::Object(members) => {
            let object = Object::new(ctx.clone())?;
            for (name, member) in members {
                object.set(name.as_str(), to_js(ctx, member, depth + 1)?)?;
            }
            object.into_value()
        }
    })
}

/// Copies a value of the script to JSON; `undefined` and functions become null.
pub(crate) fn to_json(value: &Value<'_>) -> Result<Json> {
    if let Some(flag) = value.as_bool() {
        return Ok(Json::Bool(flag));
    }
    if let Some(int) = value.as_int() {
        return Ok(Json::from(int));
    }
    if let Some(float) = value.as_float() {
        return Ok(number(float));
    }
    if let Some(text) = value.as_string() {
        return Ok(Json::String(text.to_string()?));
    }
    if !value.is_object() {
        return Ok(Json::Null);
    }
    let ctx = value.ctx();
    let Some(text) = ctx.json_stringify(value.clone())? else {
        return Ok(Json::Null);
    };
    serde_json::from_str(&text.to_string()?)
        .map_err(|error| rquickjs::Exception::throw_range(ctx, &error.to_string()))
}

/// The text of a value as a person wants to read it: objects as JSON.
pub(crate) fn to_text(value: &Value<'_>) -> Result<String> {
    if value.is_object() && !value.is_function() && !value.is_error() {
        let ctx = value.ctx();
        if let Some(text) = ctx.json_stringify(value.clone())? {
            return text.to_string();
        }
    }
    Ok(value.get::<Coerced<String>>()?.0)
}

fn number(float: f64) -> Json {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "guarded by the two conditions"
    )]
    if float.fract() == 0.0 && float.abs() <= EXACT_MAX {
        return Json::from(float as i64);
    }
    Number::from_f64(float).map_or(Json::Null, Json::Number)
}
