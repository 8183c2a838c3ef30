//! A file as a stream of UTF-8 bytes: decompression, byte order marks and encodings are seen through here, so that the
//! formats know nothing of them.
//!
//! Compression is recognised by its magic number, not by the name: a renamed file still reads. Encodings other than
//! UTF-8 are converted in passing, with a fixed buffer. UTF-8 itself is passed on unchecked: an invalid byte is one bad
//! row, which only the format can tell apart from its neighbours.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE, WINDOWS_1252};
use flate2::bufread::MultiGzDecoder;

use super::ReadError;
use crate::spec::Encoding;

const BUFFER: usize = 256 * 1024;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, one or several members.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// Opens `path` for reading as UTF-8, with what its first bytes say about compression.
pub fn open(path: &Path, encoding: Encoding) -> Result<(Box<dyn Read + Send>, Compression), ReadError> {
    let (raw, compression) = decompress(path)?;
    Ok((decode(raw, path, encoding)?, compression))
}

/// `raw`, which is the content of `path`, as UTF-8.
pub fn decode(raw: Box<dyn Read + Send>, path: &Path, encoding: Encoding) -> Result<Box<dyn Read + Send>, ReadError> {
    let mut stream = BufReader::with_capacity(BUFFER, raw);
    // A pipe or decompressor may hand out fewer bytes than a mark needs; a file that short holds nothing else.
    let head = stream.fill_buf().map_err(|error| ReadError::of(path, error, 0))?;
    let (skip, decoder) = match (head, encoding) {
        ([0xEF, 0xBB, 0xBF, ..], _) => (3, None),
        ([0xFF, 0xFE, ..], _) => (2, Some(UTF_16LE.new_decoder_without_bom_handling())),
        ([0xFE, 0xFF, ..], _) => (2, Some(UTF_16BE.new_decoder_without_bom_handling())),
        (_, Encoding::Utf8) => (0, None),
        (_, Encoding::Latin1) => (0, Some(WINDOWS_1252.new_decoder_without_bom_handling())),
    };
    stream.consume(skip);
    Ok(match decoder {
        None => Box::new(stream),
        Some(decoder) => Box::new(Transcode { inner: stream, decoder, out: Vec::new(), at: 0, ended: false }),
    })
}

fn decompress(path: &Path) -> Result<(Box<dyn Read + Send>, Compression), ReadError> {
    let file = File::open(path).map_err(|error| ReadError::of(path, error, 0))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(ReadError::Format {
            path: path.into(),
            message: "it is a folder".into(),
            remedy: "name the files in it, e.g. with a glob".into(),
        });
    }
    let mut file = BufReader::with_capacity(BUFFER, file);
    let head = file.fill_buf().map_err(|error| ReadError::of(path, error, 0))?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let compression = match head {
        [0x1F, 0x8B, ..] => Compression::Gzip,
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Compression::Zstd,
        _ if matches!(extension, "gz" | "zst") => {
            return Err(ReadError::Format {
                path: path.into(),
                message: format!("it is named .{extension}, but its first bytes are not those of that format"),
                remedy: "fetch it again: it may be truncated or an error page".into(),
            });
        }
        _ => Compression::Plain,
    };
    Ok(match compression {
        Compression::Plain => (Box::new(file), compression),
        Compression::Gzip => (Box::new(MultiGzDecoder::new(file)), compression),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(|error| ReadError::of(path, error, 0))?;
            (Box::new(decoder), compression)
        }
    })
}

/// Converts to UTF-8 in passing.
struct Transcode<R> {
    inner: BufReader<R>,
    decoder: Decoder,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Read for Transcode<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() && !self.ended {
            let input = self.inner.fill_buf()?;
            let last = input.is_empty();
            // At most three bytes of UTF-8 come from one byte or one unit of two bytes, plus a replacement at the end.
            self.out.resize(input.len() * 3 + 16, 0);
            let (_, read, written, _) = self.decoder.decode_to_utf8(input, &mut self.out, last);
            self.inner.consume(read);
            self.out.truncate(written);
            self.at = 0;
            self.ended = last;
        }
        let n = target.len().min(self.out.len() - self.at);
        target[..n].copy_from_slice(&self.out[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
