//! Flags: what cleansing did to a value, noticed about it, or refused it for.
//!
//! A flag is a closed word with a stable code, because people filter and count by it: the caller stores
//! `<field>:<code>` beside the fact. Codes are contract; a new flag is added at the end, none is ever renamed. Each flag
//! has one [`Effect`], so that a reader of a list of codes knows at once whether the stored value differs from the raw one:
//!
//! * `Changed`: the value differs from the raw text. Cleaning a clean value raises no such flag.
//! * `Noted`: the value is kept; it has a property that somebody may want to know (a role address, an ambiguous separator).
//!   The property belongs to the value, so cleaning it again notes it again.
//! * `Refused`: what stands there is no value of its kind. The value is `None`; the caller keeps the raw text.
//!
//! A set of flags is one 128-bit number: it costs nothing to carry, merge and compare. Deliberately missing: severities
//! and texts for people in other languages, which are the caller's.

use std::fmt;

/// What a flag says about the value that it stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The value differs from the raw text.
    Changed,
    /// The value is kept as it is, and has a property worth knowing.
    Noted,
    /// There is no value.
    Refused,
}

macro_rules! flags {
    ($($name:ident $code:literal $effect:ident $meaning:literal;)+) => {
        /// One thing that cleansing did, noticed or refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Flag { $(#[doc = $meaning] $name,)+ }

        impl Flag {
            /// Every flag, in the order of the bits.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Whether the value was changed, kept or refused.
            pub const fn effect(self) -> Effect {
                match self { $(Self::$name => Effect::$effect,)+ }
            }

            /// What it means and when it is raised, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

flags! {
    // any text
    Trimmed "trimmed" Changed "White space before or behind the text was removed.";
    InnerSpace "inner_space" Changed "Runs of white space, tabs or line ends inside the text became one blank.";
    UnicodeNormalised "unicode_normalised" Changed "Characters were brought into Unicode NFKC: full-width letters, ligatures, combining accents.";
    ControlCharacters "control_characters" Changed "Control, zero-width or direction characters were removed.";
    MojibakeRepaired "mojibake_repaired" Changed "UTF-8 that had been read as Latin-1 or Windows-1252 was decoded back without loss.";
    MojibakeSuspected "mojibake_suspected" Noted "The text looks like UTF-8 read as Latin-1, but does not decode back; it is left as it is.";
    ReplacementCharacter "replacement_character" Noted "The text holds U+FFFD: a character was lost before it came here.";
    TooLong "too_long" Refused "The text is longer than any value of its kind may be.";
    // not a value
    Placeholder "placeholder" Refused "A word or number that stands for nothing: n/a, unknown, none@none.com, 0000000000.";
    TestValue "test_value" Refused "Typed to get past a form: test test, test@test.com.";
    KeyboardWalk "keyboard_walk" Refused "Neighbouring keys or one key repeated: asdf, qwerty, aaaa.";
    TestSuspected "test_suspected" Noted "A well-known stand-in that may also be real: John Doe.";
    // spelling, of any kind of value
    CaseChanged "case_changed" Changed "Upper and lower case were brought into the usual form.";
    Reformatted "reformatted" Changed "The same value in its standard spelling: blanks, punctuation, separators.";
    AliasResolved "alias_resolved" Changed "A name, alias or synonym was replaced by the code or word that it stands for.";
    UnknownWord "unknown_word" Refused "The word is not in the code list or among the allowed values.";
    // e-mail
    Unwrapped "unwrapped" Changed "mailto:, angle brackets, quotes or a display name around the address were removed.";
    StrayPunctuation "stray_punctuation" Changed "Blanks, dots or commas that cannot belong to the address were removed.";
    CommaForDot "comma_for_dot" Changed "A comma stood where only a dot can.";
    SpelledOut "spelled_out" Changed "The address was written with the words at or dot in brackets or between blanks.";
    SeveralValues "several_values" Changed "The field held several values; the first one is taken.";
    DomainTypo "domain_typo" Changed "A misspelled domain was repaired; only one provider is that close.";
    InvalidEmail "invalid_email" Refused "Not an address by RFC 5321 and 5322.";
    QuotedLocal "quoted_local" Noted "The part before @ is a quoted string: valid, and rarely deliverable.";
    InternationalEmail "international_email" Noted "The address has letters outside ASCII (RFC 6531).";
    ReservedDomain "reserved_domain" Noted "The domain is reserved for documentation and tests (RFC 2606): nobody receives there.";
    DisposableEmail "disposable_email" Noted "A mailbox made to be thrown away.";
    RoleAddress "role_address" Noted "The mailbox of a function, not of a person: info@, sales@.";
    FreeMail "free_mail" Noted "A provider of private mailboxes: the domain says nothing about an employer.";
    // phone
    ExtensionSplit "extension_split" Changed "An extension was split off.";
    CountryAssumed "country_assumed" Changed "The number had no country code and was read in the default country.";
    LettersAsDigits "letters_as_digits" Changed "Letters were dialled as the digits of their keys: 1-800-FLOWERS.";
    TooShort "too_short" Refused "Fewer digits than any number of the country has.";
    TooManyDigits "too_many_digits" Refused "More digits than any number of the country has.";
    ImpossibleNumber "impossible_number" Refused "No telephone number: an unassigned country code, a length between the possible ones, or no digits.";
    LocalNumber "local_number" Refused "A subscriber number without its area code.";
    MissingCountry "missing_country" Refused "No country code, and no default country was stated.";
    UnassignedNumber "unassigned_number" Noted "The length fits, but the numbering plan has no such block: wrong, or newer than the plan.";
    // person names
    HonorificSplit "honorific_split" Changed "A title before the name was split off: Dr, Mrs, Herr.";
    SuffixSplit "suffix_split" Changed "A suffix behind the name was split off: Jr, PhD.";
    NicknameSplit "nickname_split" Changed "A nickname in quotes or brackets was split off.";
    NameReordered "name_reordered" Changed "Family, Given or FAMILY Given was brought into given, family.";
    ColumnsSwapped "columns_swapped" Noted "Given and family name seem to stand in each other's column.";
    DigitsInName "digits_in_name" Noted "A name with digits in it.";
    EmailInName "email_in_name" Refused "An e-mail address stands where a name should.";
    NoLetters "no_letters" Refused "A name without any letter.";
    OrganisationInName "organisation_in_name" Noted "A company or authority stands where a person's name should; it is kept as organisation.";
    // dates
    TwoDigitYear "two_digit_year" Changed "The century was completed by the stated pivot.";
    DayMonthSwapped "day_month_swapped" Changed "The stated order is impossible for this date and the other one is not: it was read so.";
    OtherOrder "other_order" Changed "The year stands first, or the month has a name: read so, although another order was stated.";
    ExcelSerial "excel_serial" Changed "A spreadsheet's day number was read as a date.";
    TimeDropped "time_dropped" Changed "A time of day behind the date was dropped.";
    InvalidDate "invalid_date" Refused "Not a date in the stated order.";
    ImpossibleDate "impossible_date" Refused "A day that no calendar has: 31 February.";
    PlaceholderDate "placeholder_date" Refused "A date that systems write for no date: 1900-01-01, 9999-12-31.";
    FutureDate "future_date" Refused "A birth date after the day that it was recorded.";
    Over120Years "over_120_years" Refused "A birth date more than 120 years ago.";
    // addresses
    AbbreviationExpanded "abbreviation_expanded" Changed "St, Str., Rd or Ave was written out.";
    UnitSplit "unit_split" Changed "An apartment, suite or floor was split off the street line.";
    PoBox "po_box" Noted "A post-office box, not a place where somebody lives.";
    NoHouseNumber "no_house_number" Noted "A street line without a house number.";
    CitySplit "city_split" Changed "Postcode and town stood in one field and were split.";
    LeadingZeroRestored "leading_zero_restored" Changed "A postcode had lost its leading zero, as spreadsheets do.";
    LetterDigitConfusion "letter_digit_confusion" Changed "O stood for 0 or I for 1 (or the other way round) where the format allows only one of them.";
    InvalidPostcode "invalid_postcode" Refused "Not a postcode of the stated country.";
    // amounts
    AmbiguousSeparator "ambiguous_separator" Changed "1.234 may be one or one thousand: read by the stated decimal separator.";
    OtherNotation "other_notation" Changed "The separators contradict the stated decimal separator and can be read in one way only: read so.";
    CurrencySplit "currency_split" Changed "A currency sign or code was split off the number.";
    NegativeNotation "negative_notation" Changed "Brackets or a trailing minus were read as negative.";
    Percent "percent" Changed "A percent sign was read as hundredths.";
    Rounded "rounded" Changed "Digits behind the fourth decimal were rounded away, half away from zero.";
    InvalidAmount "invalid_amount" Refused "Not a number in any notation, or one that contradicts the stated separators.";
    AmountTooLarge "amount_too_large" Refused "More than 14 digits before the decimal separator.";
}

/// A set of flags.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u128);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// The set of these flags.
    pub fn of(flags: &[Flag]) -> Self {
        flags.iter().fold(Self::NONE, |set, flag| set.with(*flag))
    }

    /// Whether no flag is raised.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `flag` is raised.
    pub const fn has(self, flag: Flag) -> bool {
        self.0 >> (flag as u8) & 1 == 1
    }

    /// The set with `flag` raised.
    #[must_use]
    pub const fn with(self, flag: Flag) -> Self {
        Self(self.0 | 1 << (flag as u8))
    }

    /// The set without `flag`.
    #[must_use]
    pub const fn without(self, flag: Flag) -> Self {
        Self(self.0 & !(1 << (flag as u8)))
    }

    /// Raises `flag`.
    pub fn raise(&mut self, flag: Flag) {
        *self = self.with(flag);
    }

    /// Raises `flag` if `condition` holds.
    pub fn raise_if(&mut self, condition: bool, flag: Flag) {
        if condition {
            self.raise(flag);
        }
    }

    /// Flags of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags with this effect.
    #[must_use]
    pub fn with_effect(self, effect: Effect) -> Self {
        Self::of(&self.iter().filter(|flag| flag.effect() == effect).collect::<Vec<_>>())
    }

    /// How many flags are raised.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The flags, in the order of [`Flag::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let at = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            Flag::ALL.get(at).copied()
        })
    }

    /// The codes, in the order of [`Flag::ALL`].
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Flag::code)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.codes()).finish()
    }
}

/// A cleaned value and what was done to get it. `value` is `None` when nothing stood there (no flag) or when what stood
/// there is no value of its kind (a flag with [`Effect::Refused`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaned<T> {
    /// The value; it borrows from the raw text where nothing had to be changed.
    pub value: Option<T>,
    /// What was done, noticed or refused.
    pub flags: Flags,
}

impl<T> Default for Cleaned<T> {
    fn default() -> Self {
        Self { value: None, flags: Flags::NONE }
    }
}

impl<T> Cleaned<T> {
    /// A value.
    pub const fn some(value: T, flags: Flags) -> Self {
        Self { value: Some(value), flags }
    }

    /// No value, for this reason. Repairs on the way to nothing are not reported: nothing was changed.
    pub const fn refused(flag: Flag) -> Self {
        Self { value: None, flags: Flags::NONE.with(flag) }
    }

    /// Another kind of value under the same flags.
    pub fn map<U>(self, then: impl FnOnce(T) -> U) -> Cleaned<U> {
        Cleaned { value: self.value.map(then), flags: self.flags }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_flag_has_its_own_bit_and_a_snake_case_code() {
        assert!(Flag::ALL.len() <= 128, "a set is 128 bits");
        let codes: BTreeSet<&str> = Flag::ALL.iter().map(|flag| flag.code()).collect();
        assert_eq!(codes.len(), Flag::ALL.len());
        for (bit, flag) in Flag::ALL.iter().enumerate() {
            assert_eq!(*flag as usize, bit);
            assert!(flag.code().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{flag:?}");
            assert!(flag.meaning().ends_with('.'), "{flag:?}");
            assert_eq!(Flags::of(&[*flag]).iter().collect::<Vec<_>>(), [*flag]);
        }
    }

    #[test]
    fn sets_raise_drop_merge_and_list() {
        let mut set = Flags::NONE;
        assert!(set.is_empty());
        set.raise(Flag::Rounded);
        set.raise_if(false, Flag::PoBox);
        let both = set.union(Flags::of(&[Flag::Trimmed]));
        assert_eq!(both.codes().collect::<Vec<_>>(), ["trimmed", "rounded"]);
        assert_eq!((both.len(), both.without(Flag::Trimmed)), (2, set));
        assert_eq!(format!("{both:?}"), r#"{"trimmed", "rounded"}"#);
        assert_eq!(both.with(Flag::PoBox).with_effect(Effect::Noted), Flags::of(&[Flag::PoBox]));
    }
}
