//! Values from MessagePack, led by the type.
//!
//! Core writes a number as integer, `f64` or decimal text, whichever is exact; an unknown value as an
//! extension; and a value of a `dynamic` attribute as `[type, value]`. Facts: zclconf/go-cty, `cty/msgpack`.

use std::collections::BTreeMap;

use rmp::Marker;
use rmp::decode::{
    read_array_len, read_bin_len, read_ext_meta, read_f32, read_f64, read_int, read_map_len, read_str_len,
};
use thiserror::Error;

use crate::{Number, Path, Type, Value};

/// Bytes that are no value of the type: core and the provider disagree about the schema.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{} cannot be read as {expected}: {reason}", path.quoted())]
pub(crate) struct DecodeError {
    path: Path,
    expected: Type,
    reason: &'static str,
}

/// The one value of type `ty` in `bytes`. Refinements of unknown values are dropped, as any client may.
pub(crate) fn decode(mut bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    let value = read(&mut bytes, ty, &Path::root())?;
    if bytes.is_empty() {
        Ok(value)
    } else {
        Err(fault(ty, &Path::root(), "there are bytes after the value"))
    }
}

fn fault(ty: &Type, path: &Path, reason: &'static str) -> DecodeError {
    DecodeError { path: path.clone(), expected: ty.clone(), reason }
}

fn read(bytes: &mut &[u8], ty: &Type, path: &Path) -> Result<Value, DecodeError> {
    let err = |reason| fault(ty, path, reason);
    let marker = Marker::from_u8(*bytes.first().ok_or_else(|| err("the bytes end early"))?);
    match marker {
        Marker::Null => {
            *bytes = &bytes[1..];
            return Ok(Value::Null);
        }
        Marker::FixExt1
        | Marker::FixExt2
        | Marker::FixExt4
        | Marker::FixExt8
        | Marker::FixExt16
        | Marker::Ext8
        | Marker::Ext16
        | Marker::Ext32 => {
            let meta = read_ext_meta(bytes).map_err(|_| err("bad extension"))?;
            take(bytes, meta.size).ok_or_else(|| err("bad extension"))?;
            return Ok(Value::Unknown);
        }
        _ => {}
    }
    Ok(match ty {
        Type::Bool => Value::Bool(rmp::decode::read_bool(bytes).map_err(|_| err("it is not a bool"))?),
        Type::String => Value::String(string(bytes).ok_or_else(|| err("it is not a string"))?),
        Type::Number => Value::Number(number(bytes, marker).ok_or_else(|| err("it is not a number"))?),
        Type::List(element) => Value::List(elements(bytes, ty, path, |_| Some(element))?),
        Type::Set(element) => Value::Set(elements(bytes, ty, path, |_| Some(element))?),
        Type::Tuple(types) => Value::List(elements(bytes, ty, path, |index| types.get(index))?),
        Type::Map(element) => {
            let read = |key: &str| Some((element.as_ref(), path.key(key)));
            Value::Map(fields(bytes, ty, path, read)?)
        }
        Type::Object(attributes) => {
            let fields = fields(bytes, ty, path, |name| Some((attributes.get(name)?, path.attribute(name))))?;
            if fields.len() != attributes.len() {
                return Err(err("attributes are missing"));
            }
            Value::Object(fields)
        }
        Type::Dynamic => dynamic(bytes, path)?,
    })
}

fn elements<'t>(
    bytes: &mut &[u8],
    ty: &Type,
    path: &Path,
    element: impl Fn(usize) -> Option<&'t Type>,
) -> Result<Vec<Value>, DecodeError> {
    let length = read_array_len(bytes).map_err(|_| fault(ty, path, "it is not an array"))?;
    if matches!(ty, Type::Tuple(types) if types.len() != length as usize) {
        return Err(fault(ty, path, "it has another number of elements"));
    }
    let elements = (0..length as usize).map(|index| {
        let element = element(index).ok_or_else(|| fault(ty, path, "it has too many elements"))?;
        read(bytes, element, &path.index(index))
    });
    elements.collect()
}

fn fields<'t>(
    bytes: &mut &[u8],
    ty: &Type,
    path: &Path,
    field: impl Fn(&str) -> Option<(&'t Type, Path)>,
) -> Result<BTreeMap<String, Value>, DecodeError> {
    let length = read_map_len(bytes).map_err(|_| fault(ty, path, "it is not a map"))?;
    let fields = (0..length).map(|_| {
        let key = string(bytes).ok_or_else(|| fault(ty, path, "a key is not a string"))?;
        let (ty, path) =
            field(&key).ok_or_else(|| fault(ty, &path.attribute(&key), "there is no such attribute"))?;
        Ok((key, read(bytes, ty, &path)?))
    });
    fields.collect()
}

/// `[type as JSON, value]`.
fn dynamic(bytes: &mut &[u8], path: &Path) -> Result<Value, DecodeError> {
    let err = |reason| fault(&Type::Dynamic, path, reason);
    if !matches!(read_array_len(bytes), Ok(2)) {
        return Err(err("it is not a pair of type and value"));
    }
    let json = blob(bytes).ok_or_else(|| err("its type is not binary or text"))?;
    let ty = serde_json::from_slice(json).ok().and_then(|json| Type::from_json(&json));
    let ty = ty.ok_or_else(|| err("its type is not known"))?;
    let value = read(bytes, &ty, path)?;
    Ok(Value::Dynamic(Box::new((ty, value))))
}

fn number(bytes: &mut &[u8], marker: Marker) -> Option<Number> {
    match marker {
        Marker::F64 => read_f64(bytes).ok()?.try_into().ok(),
        Marker::F32 => f64::from(read_f32(bytes).ok()?).try_into().ok(),
        Marker::U64 => read_int::<u64, _>(bytes).ok().map(Number::from),
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => string(bytes)?.parse().ok(),
        _ => read_int::<i64, _>(bytes).ok().map(Number::from),
    }
}

fn string(bytes: &mut &[u8]) -> Option<String> {
    let length = read_str_len(bytes).ok()?;
    String::from_utf8(take(bytes, length)?.to_vec()).ok()
}

/// The bytes of a binary or text.
fn blob<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let is_binary = matches!(Marker::from_u8(*bytes.first()?), Marker::Bin8 | Marker::Bin16 | Marker::Bin32);
    let length = if is_binary { read_bin_len(bytes).ok()? } else { read_str_len(bytes).ok()? };
    take(bytes, length)
}

fn take<'a>(bytes: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length as usize)?;
    *bytes = rest;
    Some(taken)
}
