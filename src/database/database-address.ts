/** Where the service's database is: the `postgresql://` URL by which it connects. */
export class DatabaseAddress {
  constructor(readonly url: string) {}
}
