//! Values to MessagePack, led by the type: the inverse of [`decode`](super::decode).

use rmp::Marker;
use rmp::encode::{
    ValueWriteError, write_array_len, write_bin, write_f64, write_map_len, write_sint, write_str,
};
use thiserror::Error;

use crate::{Number, Path, Type, Value, ValueError};

/// An extension of code 0: unknown without refinement.
const UNKNOWN: [u8; 3] = [0xd4, 0, 0];

/// A value the provider made does not fit the type.
#[derive(Debug, Error)]
pub(crate) enum EncodeError {
    /// It has another type.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The writer failed.
    #[error(transparent)]
    Write(#[from] ValueWriteError),
}

/// `value` as type `ty`. Attributes an object lacks are written as null, because the protocol has no sparse
/// form.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    write(&mut out, value, ty, &Path::root())?;
    Ok(out)
}

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type, path: &Path) -> Result<(), EncodeError> {
    match (value, ty) {
        (Value::Null, _) => out.push(Marker::Null.to_u8()),
        (Value::Unknown, _) => out.extend(UNKNOWN),
        (Value::Bool(bool), Type::Bool) => out.push(if *bool { Marker::True } else { Marker::False }.to_u8()),
        (Value::String(text), Type::String) => write_str(out, text)?,
        (Value::Number(number), Type::Number) => write_number(out, number)?,
        (Value::List(elements), Type::List(ty)) => {
            write_array_len(out, length(elements.len()))?;
            for (index, element) in elements.iter().enumerate() {
                write(out, element, ty, &path.index(index))?;
            }
        }
        (Value::Set(elements), Type::Set(ty)) => {
            write_array_len(out, length(elements.len()))?;
            elements.iter().try_for_each(|element| write(out, element, ty, path))?;
        }
        (Value::List(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            write_array_len(out, length(elements.len()))?;
            for (index, (element, ty)) in elements.iter().zip(types).enumerate() {
                write(out, element, ty, &path.index(index))?;
            }
        }
        (Value::Map(fields), Type::Map(ty)) => {
            write_map_len(out, length(fields.len()))?;
            for (key, field) in fields {
                write_str(out, key)?;
                write(out, field, ty, &path.key(key))?;
            }
        }
        (Value::Object(fields), Type::Object(attributes)) => {
            if let Some((extra, value)) = fields.iter().find(|(name, _)| !attributes.contains_key(*name)) {
                return Err(mismatch(value, "no such attribute", &path.attribute(extra)));
            }
            write_map_len(out, length(attributes.len()))?;
            for (name, ty) in attributes {
                write_str(out, name)?;
                write(out, fields.get(name).unwrap_or(&Value::Null), ty, &path.attribute(name))?;
            }
        }
        (Value::Dynamic(typed), Type::Dynamic) => {
            write_array_len(out, 2)?;
            write_bin(out, typed.0.to_json().to_string().as_bytes())?;
            write(out, &typed.1, &typed.0, path)?;
        }
        (value, ty) => return Err(mismatch(value, &ty.to_string(), path)),
    }
    Ok(())
}

/// Integer, `f64` or text: the first that is exact.
fn write_number(out: &mut Vec<u8>, number: &Number) -> Result<(), ValueWriteError> {
    if let Some(whole) = number.to_i64() {
        return write_sint(out, whole).map(drop);
    }
    match number.to_f64_exact() {
        Some(float) if float.fract() != 0.0 => write_f64(out, float),
        _ => write_str(out, number.as_str()),
    }
}

/// A message of this SDK is bounded far below 4 Gi elements.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn mismatch(value: &Value, expected: &str, path: &Path) -> EncodeError {
    let found = match value {
        Value::Null => "null",
        Value::Unknown => "unknown",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::List(_) => "a list",
        Value::Set(_) => "a set",
        Value::Map(_) => "a map",
        Value::Object(_) => "an object",
        Value::Dynamic(_) => "a value with its own type",
    };
    ValueError::Type { path: path.clone(), expected: expected.to_owned(), found: found.to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use super::super::decode::decode;
    use super::*;

    fn number(text: &str) -> Value {
        Value::Number(text.parse().expect(text))
    }

    fn dynamic(ty: Type, value: Value) -> Value {
        Value::Dynamic(Box::new((ty, value)))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect(text)).collect()
    }

    /// Bytes that Terraform's own library writes.
    #[test]
    fn values_are_written_as_core_writes_them_and_read_back() {
        let text = || "x".into();
        for (name, value, ty, bytes) in [
            ("a tenth", number("0.1"), Type::Number, "a3302e31"),
            ("a half more", number("1.5"), Type::Number, "cb3ff8000000000000"),
            (
                "the largest u64",
                number("18446744073709551615"),
                Type::Number,
                "b43138343436373434303733373039353531363135",
            ),
            ("a negative fraction", number("-0.5"), Type::Number, "cbbfe0000000000000"),
            ("a negative", number("-3"), Type::Number, "fd"),
            ("dynamic text", dynamic(Type::String, text()), Type::Dynamic, "92c40822737472696e6722a178"),
            ("typed null", dynamic(Type::String, Value::Null), Type::Dynamic, "92c40822737472696e6722c0"),
            (
                "typed unknown",
                dynamic(Type::String, Value::Unknown),
                Type::Dynamic,
                "92c40822737472696e6722d40000",
            ),
            ("untyped null", Value::Null, Type::Dynamic, "c0"),
            ("untyped unknown", Value::Unknown, Type::Dynamic, "d40000"),
            ("a set", Value::Set(vec!["a".into(), Value::Unknown]), Type::set(Type::String), "92a161d40000"),
            (
                "an object",
                Value::object([("a", true)].map(|(n, b)| (n, b.into()))),
                Type::object([("a", Type::Bool)]),
                "81a161c3",
            ),
            (
                "a tuple",
                Value::List(vec![text(), true.into()]),
                Type::Tuple(vec![Type::String, Type::Bool]),
                "92a178c3",
            ),
        ] {
            assert_eq!(hex(&encode(&value, &ty).expect(name)), bytes, "{name}");
            assert_eq!(decode(&unhex(bytes), &ty), Ok(value), "{name}");
        }
    }

    #[test]
    fn a_refined_unknown_is_unknown() {
        for bytes in ["c7030c8101c2", "c7090c8201c202a461726e3a", "d40700", "c70005"] {
            assert_eq!(decode(&unhex(bytes), &Type::String), Ok(Value::Unknown), "{bytes}");
        }
    }

    #[test]
    fn an_absent_attribute_is_written_as_null_and_a_strange_one_refused() {
        let ty = Type::object([("a", Type::Bool), ("b", Type::Bool)]);
        let sparse = Value::object([("b", Value::Bool(true))]);
        assert_eq!(hex(&encode(&sparse, &ty).expect("fits")), "82a161c0a162c3");
        let strange = encode(&Value::object([("c", Value::Null)]), &ty).expect_err("strange");
        assert_eq!(strange.to_string(), "`c` is null, expected no such attribute");
    }

    #[test]
    fn broken_bytes_are_an_error_with_the_place() {
        let object = Type::object([("a", Type::list(Type::Bool))]);
        for (bytes, ty, text) in [
            ("", Type::Bool, "the value cannot be read as bool: the bytes end early"),
            ("c3c3", Type::Bool, "the value cannot be read as bool: there are bytes after the value"),
            ("a178", Type::Bool, "the value cannot be read as bool: it is not a bool"),
            ("80", object.clone(), "the value cannot be read as object: attributes are missing"),
            ("81a16192c3", object.clone(), "`a[1]` cannot be read as bool: the bytes end early"),
            ("81a162c0", object, "`b` cannot be read as object: there is no such attribute"),
            ("a5ff", Type::String, "the value cannot be read as string: it is not a string"),
            ("dd7fffffff", Type::list(Type::Bool), "`[0]` cannot be read as bool: the bytes end early"),
        ] {
            assert_eq!(decode(&unhex(bytes), &ty).expect_err(text).to_string(), text);
        }
    }

    /// Bytes come from another process. The generator is a linear congruence, so that a failure can be
    /// repeated.
    #[test]
    fn no_bytes_make_the_reader_panic() {
        let object = Type::object([("a", Type::Dynamic), ("b", Type::set(Type::Number))]);
        let types = [Type::String, Type::Number, Type::list(object.clone()), Type::map(Type::Bool), object];
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let valid = unhex("82a16192c40822737472696e6722a178a16293a3302e31cb3ff8000000000000d40000");
        for _ in 0..20_000 {
            let mut bytes = valid.clone();
            for _ in 0..next() % 4 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            bytes.truncate(next() % (bytes.len() + 1));
            for ty in &types {
                let _ = decode(&bytes, ty);
            }
        }
    }
}
