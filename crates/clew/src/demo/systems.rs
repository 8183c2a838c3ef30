//! The raw files of the company's systems, all open at once so that generation can stream.

use std::path::Path;

use super::calendar::{Calendar, Moment};
use super::files::{Dialect, Document, Lines, PLAIN, Table};
use super::parquet::{self, Consignment};

/// Every open file.
pub struct Systems {
    /// Customer records: semicolons, Windows-1252.
    pub crm: Table,
    /// Web events, one gzip file a month.
    web: Vec<Lines>,
    first_month: (i64, i64),
    /// App events.
    pub app: Lines,
    /// Orders.
    pub orders: Table,
    /// Order lines.
    pub order_lines: Table,
    /// First carrier.
    pub parcelo: Table,
    /// Second carrier, written at the end.
    pub nordway: Vec<Consignment>,
    /// Telephone system.
    pub calls: Table,
    /// Chat tool.
    pub chats: Document,
    /// Bot.
    pub bots: Document,
    /// Ticket system.
    pub cases: Table,
    /// Mail platform: newsletters.
    pub mail: Table,
    /// Mail box of the service.
    pub inbox: Lines,
    /// Tills.
    pub tills: Table,
    /// Survey tool.
    pub surveys: Table,
    /// Social posts.
    pub social: Lines,
    /// Subscriptions and service contracts.
    pub contracts: Table,
    /// Experiment exposures.
    pub exposures: Table,
}

impl Systems {
    /// Opens them in `data`.
    pub fn create(data: &Path, calendar: &Calendar) -> anyhow::Result<Self> {
        let first_month = month_of(calendar, calendar.start);
        let last = month_of(calendar, calendar.end - 1);
        let months = (last.0 - first_month.0) * 12 + last.1 - first_month.1;
        std::fs::create_dir_all(data.join("web"))?;
        let web = (0..=months).map(|offset| {
            let month = first_month.1 - 1 + offset;
            let name = format!("web/events-{:04}-{:02}.jsonl.gz", first_month.0 + month / 12, month % 12 + 1);
            Lines::create(&data.join(name))
        });
        Ok(Self {
            web: web.collect::<anyhow::Result<_>>()?,
            first_month,
            crm: Table::create(
                &data.join("crm_contacts.csv"),
                Dialect { delimiter: ';', latin1: true },
                "contact_no customer_no salutation first_name last_name birth_date email mobile landline street postcode city country \
                 company company_no loyalty_card newsletter changed_on",
            )?,
            app: Lines::create(&data.join("app_events.jsonl"))?,
            orders: Table::create(
                &data.join("orders.csv"),
                PLAIN,
                "order_no placed_at customer email sales_channel items total currency region company_no",
            )?,
            order_lines: Table::create(
                &data.join("order_lines.csv"),
                PLAIN,
                "order_no line sku quantity unit_price placed_at customer email",
            )?,
            parcelo: Table::create(
                &data.join("carrier_parcelo.csv"),
                Dialect { delimiter: ',', latin1: false },
                "shipment order_no email region handed_over promised_date delivered status exported_at",
            )?,
            nordway: Vec::new(),
            calls: Table::create(
                &data.join("calls.csv"),
                PLAIN,
                "call_id started_at ended_at caller_country caller customer_no menu first_team team agent wait_s talk_s outcome transfer_at handed_over_at \
                 case_no notes",
            )?,
            chats: Document::create(
                &data.join("chats.json"),
                "{\"export\": \"chatbox 3.2\", \"data\": {\"conversations\": [",
                "\n]}}\n",
            )?,
            bots: Document::create(&data.join("bot_sessions.json"), "[", "\n]\n")?,
            cases: Table::create(
                &data.join("cases.csv"),
                Dialect { delimiter: ';', latin1: false },
                "case_no order_no matter channel opened_at reopened_at closed_at customer email",
            )?,
            mail: Table::create(
                &data.join("mail_platform.tsv"),
                Dialect { delimiter: '\t', latin1: false },
                "mail_id event at address campaign",
            )?,
            inbox: Lines::create(&data.join("service_inbox.jsonl.gz"))?,
            tills: Table::create(
                &data.join("tills.txt"),
                Dialect { delimiter: '|', latin1: false },
                "receipt store at card items total",
            )?,
            surveys: Table::create(
                &data.join("surveys.csv"),
                PLAIN,
                "response_id respondent_id email survey invited answered order_no case_no q_nps q_csat q_ces comment language collector",
            )?,
            social: Lines::create(&data.join("social_posts.jsonl"))?,
            contracts: Table::create(
                &data.join("contracts.csv"),
                PLAIN,
                "contract_no customer email kind started renewed cancelled monthly_fee cancel_reason",
            )?,
            exposures: Table::create(
                &data.join("experiment_exposures.csv"),
                PLAIN,
                "exposure_id experiment variant customer at",
            )?,
        })
    }

    /// The web log of the month of `at`.
    pub fn web(&mut self, calendar: &Calendar, at: Moment) -> &mut Lines {
        let month = month_of(calendar, at);
        let index = (month.0 - self.first_month.0) * 12 + month.1 - self.first_month.1;
        let last = self.web.len() - 1;
        &mut self.web[(index.max(0) as usize).min(last)]
    }

    /// The rows of each source so far, in a fixed order.
    pub fn rows(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("crm", self.crm.rows),
            ("web", self.web.iter().map(|lines| lines.rows).sum()),
            ("app", self.app.rows),
            ("orders", self.orders.rows),
            ("order_lines", self.order_lines.rows),
            ("carrier_parcelo", self.parcelo.rows),
            ("carrier_nordway", self.nordway.len() as u64),
            ("calls", self.calls.rows),
            ("chats", self.chats.rows),
            ("bots", self.bots.rows),
            ("cases", self.cases.rows),
            ("mail", self.mail.rows),
            ("inbox", self.inbox.rows),
            ("tills", self.tills.rows),
            ("surveys", self.surveys.rows),
            ("social", self.social.rows),
            ("contracts", self.contracts.rows),
            ("exposures", self.exposures.rows),
        ]
    }

    /// Closes every file.
    pub fn finish(self, data: &Path) -> anyhow::Result<()> {
        let lines = self.web.into_iter().chain([self.app, self.inbox, self.social]);
        for file in lines {
            file.finish()?;
        }
        let tables = [
            self.crm,
            self.orders,
            self.order_lines,
            self.parcelo,
            self.calls,
            self.cases,
            self.mail,
            self.tills,
            self.surveys,
            self.contracts,
            self.exposures,
        ];
        for file in tables {
            file.finish()?;
        }
        self.chats.finish()?;
        self.bots.finish()?;
        parquet::write(&data.join("carrier_nordway.parquet"), &self.nordway)
    }
}

fn month_of(calendar: &Calendar, at: Moment) -> (i64, i64) {
    let text = calendar.month(at);
    let (year, month) = text.split_once('-').expect("months are written year-month");
    (year.parse().expect("a year is a number"), month.parse().expect("a month is a number"))
}
