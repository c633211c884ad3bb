# sqlite3 on a large script.
LD_PRELOAD=$PRELOAD sqlite3 database << 'SQL'
create table items(id integer primary key, name text, value real);
with recursive count(n) as (select 1 union all select n + 1 from count where n < 200000)
insert into items select n, 'name' || (n * 7919 % 100003), n * 0.5 from count;
create index by_name on items(name);
create table sums as select substr(name, 1, 7) as prefix, sum(value) as total, group_concat(id) as ids from items group by prefix;
update items set name = name || '-changed' where id % 3 = 0;
delete from items where id % 5 = 0;
select count(*), sum(value), max(length(name)) from items;
select prefix, total, length(ids) from sums order by total desc limit 20;
select a.name, count(*) from items a join items b on a.value = b.value * 2 group by a.name order by 2 desc, 1 limit 10;
vacuum;
pragma integrity_check;
SQL
