//! From the author's type to a value: first by the shape serde shows, then fitted to the type of the schema.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{self, Impossible, Serialize, Serializer};
use thiserror::Error;

use super::maybe::UNKNOWN;
use crate::{Number, Type, Value};

/// A type that has no form in Terraform, such as an enum with data.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct WriteError(String);

impl ser::Error for WriteError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The value of type `ty` that the author's type spells.
pub(super) fn to_value<T: Serialize>(model: &T, ty: &Type) -> Result<Value, WriteError> {
    Ok(fit(model.serialize(Writer)?, ty))
}

/// serde tells neither sets from lists nor maps from objects, and may leave out what is `None`. What does not
/// fit is left for the encoder to refuse.
fn fit(value: Value, ty: &Type) -> Value {
    match (value, ty) {
        (Value::List(elements), Type::List(ty)) => {
            Value::List(elements.into_iter().map(|e| fit(e, ty)).collect())
        }
        (Value::List(elements), Type::Set(ty)) => {
            Value::Set(elements.into_iter().map(|e| fit(e, ty)).collect())
        }
        (Value::Map(fields) | Value::Object(fields), Type::Map(ty)) => {
            Value::Map(fields.into_iter().map(|(key, field)| (key, fit(field, ty))).collect())
        }
        (Value::Map(mut fields) | Value::Object(mut fields), Type::Object(attributes)) => {
            for (name, ty) in attributes {
                let slot = fields.entry(name.clone()).or_default();
                *slot = fit(std::mem::take(slot), ty);
            }
            Value::Object(fields)
        }
        (value, Type::Dynamic) => match suggested(&value) {
            Type::Dynamic => value,
            ty => Value::Dynamic(Box::new((ty.clone(), fit(value, &ty)))),
        },
        (value, _) => value,
    }
}

fn suggested(value: &Value) -> Type {
    match value {
        Value::Null | Value::Unknown | Value::Dynamic(_) => Type::Dynamic,
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::List(elements) | Value::Set(elements) => Type::Tuple(elements.iter().map(suggested).collect()),
        Value::Map(fields) | Value::Object(fields) => {
            Type::object(fields.iter().map(|(name, field)| (name, suggested(field))))
        }
    }
}

/// Writes any value.
struct Writer;

type Written = Result<Value, WriteError>;
type No = Impossible<Value, WriteError>;

fn data_in_enum(name: &str) -> WriteError {
    WriteError(format!("the enum `{name}` has variants with data, which Terraform has no type for"))
}

fn float(number: f64) -> Written {
    Number::try_from(number).map(Value::Number).map_err(|error| WriteError(error.to_string()))
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = WriteError;
    type SerializeSeq = Seq;
    type SerializeTuple = Seq;
    type SerializeTupleStruct = Seq;
    type SerializeTupleVariant = No;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = No;

    fn serialize_bool(self, v: bool) -> Written {
        Ok(Value::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Written {
        self.serialize_i64(v.into())
    }
    fn serialize_i16(self, v: i16) -> Written {
        self.serialize_i64(v.into())
    }
    fn serialize_i32(self, v: i32) -> Written {
        self.serialize_i64(v.into())
    }
    fn serialize_i64(self, v: i64) -> Written {
        Ok(Value::Number(v.into()))
    }
    fn serialize_u8(self, v: u8) -> Written {
        self.serialize_u64(v.into())
    }
    fn serialize_u16(self, v: u16) -> Written {
        self.serialize_u64(v.into())
    }
    fn serialize_u32(self, v: u32) -> Written {
        self.serialize_u64(v.into())
    }
    fn serialize_u64(self, v: u64) -> Written {
        Ok(Value::Number(v.into()))
    }
    fn serialize_f32(self, v: f32) -> Written {
        // By way of text: 0.1 is one tenth, not the nearest float.
        v.to_string()
            .parse()
            .map(Value::Number)
            .map_err(|error: crate::NumberError| WriteError(error.to_string()))
    }
    fn serialize_f64(self, v: f64) -> Written {
        float(v)
    }
    fn serialize_char(self, v: char) -> Written {
        Ok(Value::String(v.to_string()))
    }
    fn serialize_str(self, v: &str) -> Written {
        Ok(Value::String(v.to_owned()))
    }
    fn serialize_bytes(self, _: &[u8]) -> Written {
        Err(WriteError("Terraform has no type for bytes; use base64 text".to_owned()))
    }
    fn serialize_none(self) -> Written {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Written {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        Ok(Value::String(variant.to_owned()))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Written {
        if name == UNKNOWN { Ok(Value::Unknown) } else { value.serialize(self) }
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        Err(data_in_enum(name))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Seq, WriteError> {
        Ok(Seq(Vec::new()))
    }
    fn serialize_tuple(self, _: usize) -> Result<Seq, WriteError> {
        Ok(Seq(Vec::new()))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Seq, WriteError> {
        Ok(Seq(Vec::new()))
    }
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, WriteError> {
        Err(data_in_enum(name))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Entries, WriteError> {
        Ok(Entries::default())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, WriteError> {
        Ok(Entries::default())
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, WriteError> {
        Err(data_in_enum(name))
    }
}

struct Seq(Vec<Value>);

impl ser::SerializeSeq for Seq {
    type Ok = Value;
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.0.push(value.serialize(Writer)?);
        Ok(())
    }
    fn end(self) -> Written {
        Ok(Value::List(self.0))
    }
}

impl ser::SerializeTuple for Seq {
    type Ok = Value;
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Written {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for Seq {
    type Ok = Value;
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Written {
        ser::SerializeSeq::end(self)
    }
}

#[derive(Default)]
struct Entries {
    fields: BTreeMap<String, Value>,
    key: String,
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        self.key = match key.serialize(Writer)? {
            Value::String(key) => key,
            Value::Number(number) => number.to_string(),
            _ => return Err(WriteError("the keys of a map must be texts".to_owned())),
        };
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.fields.insert(std::mem::take(&mut self.key), value.serialize(Writer)?);
        Ok(())
    }
    fn end(self) -> Written {
        Ok(Value::Map(self.fields))
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Value;
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.fields.insert(key.to_owned(), value.serialize(Writer)?);
        Ok(())
    }
    fn end(self) -> Written {
        Ok(Value::Object(self.fields))
    }
}
