//! `clew journey convert`: a log for other tools.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::Result;
use clew_intake::event_log::Named;
use clew_pipeline::plain_log::export::LogFormat;

use super::write_file;
use crate::cli::journey::{ConvertOptions, FormatWord, LogFile};

/// Writes the log.
pub fn perform(log: &LogFile, options: &ConvertOptions) -> Result<()> {
    let more: Vec<Named<'_>> = options.columns.iter().map(|column| Named { option: "--columns", column }).collect();
    let (table, read) = log.table(&more, &options.without)?;
    let format = match options.to {
        FormatWord::Xes => LogFormat::Xes,
        FormatWord::Ocel => LogFormat::Ocel,
    };
    log.say_left_out(&read);
    let mut write = |out: &mut dyn Write| {
        table.export(format, (read.fields.case.as_str(), read.fields.more.as_slice()), &|case| read.cases.name(case), out)
    };
    if let Some(path) = &log.out {
        return write_file(path, &mut write);
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        // A reader that closes the pipe early ends the output without an error.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
