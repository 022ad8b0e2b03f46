// Prints the trials of a Parquet file as JSON lines. Values begin with their type.
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'

const text = v => {
  switch (typeof v) {
    case 'string': return 's:' + v
    case 'bigint': return 'i:' + v
    case 'number': return 'n:' + (Object.is(v, -0) ? '-0' : v)
  }
  return null
}

const file = await asyncBufferFromFile(process.argv[2])
const metadata = await parquetMetadataAsync(file)
console.log(JSON.stringify({
  format: metadata.key_value_metadata.find(m => m.key === 'format').value,
  columns: metadata.schema.slice(1).map(c => c.name),
}))
for (const row of await parquetReadObjects({ file })) {
  console.log(JSON.stringify(Object.fromEntries(Object.entries(row).map(([k, v]) => [k, text(v)]))))
}
