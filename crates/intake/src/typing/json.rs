//! JSON written by hand where a serializer would need a value first: one text, one entry.

/// Appends `text` as a JSON string.
///
/// # Panics
/// Never: writing to memory does not fail.
pub fn text(text: &str, out: &mut Vec<u8>) {
    if text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        serde_json::to_writer(out, text).expect("writing to memory does not fail");
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// Appends `"key":"value"` to entries, behind a comma where there are some.
pub fn entry(entries: &mut String, key: &str, value: &str) {
    if !entries.is_empty() {
        entries.push(',');
    }
    let mut bytes = std::mem::take(entries).into_bytes();
    text(key, &mut bytes);
    bytes.push(b':');
    text(value, &mut bytes);
    *entries = String::from_utf8(bytes).unwrap_or_default();
}

/// Appends entries to an object that lacks its closing brace, or begins it.
pub fn join(object: &mut Vec<u8>, entries: &[u8]) {
    if entries.is_empty() {
        return;
    }
    match object.last() {
        None => object.push(b'{'),
        Some(b'{') => {}
        Some(_) => object.push(b','),
    }
    object.extend_from_slice(entries);
}
