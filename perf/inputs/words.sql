create table words (word text, number integer);
with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 200000) insert into words select hex(randomblob(n % 100)), n from numbers;
create index by_word on words (word);
