"""The road of an upload: counted byte by byte, whole or not at all, in a folder of its own."""

import asyncio
import errno
import re
from collections.abc import AsyncGenerator
from pathlib import Path

from gradio.route_utils import GradioMultiPartParser, GradioUploadFile
from gradio.routes import file_upload_statuses
from gradio_client.utils import strip_invalid_filename_characters
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from demo.doors.gate import Incoming, drain, next_message
from demo.doors.responses import Refusal, refusal_response
from demo.doors.storage import Storage, StorageError, Stored, full_disk
from demo.upload_checks import MOST_BYTES

FIELD_BYTES = 64 << 10  # of a part that is no file
MOST_FILES = 20  # in one request
PROGRESS_S = 60.0  # until how far an upload has come is forgotten
_UPLOAD_ID = re.compile(r"[\w-]{1,64}", re.A)


class UploadParser(GradioMultiPartParser):
    """gradio's reader of forms, which keeps no more than FIELD_BYTES of them in memory."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is not None:
            super().on_part_data(data, start, end)
            return
        if len(part.data) + end - start > FIELD_BYTES:
            raise MultiPartException("a part of the form is large and no file")
        part.data += data[start:end]

    def close(self) -> None:
        """Close what was written so far."""
        for file in self._files_to_close_on_error:
            file.close()


class Uploads:
    """Takes files into folders of the storage, and answers with their paths, as gradio does."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    async def take(self, request: Request) -> Response:
        """Answer one upload; what does not arrive whole leaves nothing."""
        incoming = Incoming(request.receive)
        stored = None
        try:
            stored = self._open(request)
            parser = self._parser(request, incoming, stored)
            try:
                files = _move(await parser.parse(), stored)
            finally:
                parser.close()
            self.storage.finish(stored, len(files))
            return JSONResponse([str(path) for path in files])
        except BaseException as error:
            if stored is not None:
                self.storage.drop(stored)
            if isinstance(error, ClientDisconnect):
                return Response(status_code=400)  # the visitor has gone
            refusal = _refusal(error)
            await drain(incoming)
            return refusal_response(refusal, request.scope, plain=True)

    def _open(self, request: Request) -> Stored:
        length = request.headers.get("content-length", "0")
        address = request.client.host if request.client else "unknown"
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal(400, "this is no form; expected multipart/form-data with the part files.")
        return self.storage.open(address, int(length) if length.isdecimal() else 0)

    def _parser(self, request: Request, incoming: Incoming, stored: Stored) -> UploadParser:
        asked_id = request.query_params.get("upload_id")
        upload_id = asked_id if asked_id and _UPLOAD_ID.fullmatch(asked_id) else None
        if upload_id:
            file_upload_statuses.track(upload_id)
            asyncio.get_running_loop().call_later(PROGRESS_S, _forget_progress, upload_id)
        return UploadParser(
            request.headers,
            self._counted(incoming, stored),
            max_files=MOST_FILES,
            max_fields=MOST_FILES,
            max_file_size=MOST_BYTES,
            upload_dir=stored.folder,
            upload_id=upload_id,
            upload_progress=file_upload_statuses if upload_id else None,
        )

    async def _counted(self, incoming: Incoming, stored: Stored) -> AsyncGenerator[bytes, None]:
        while not incoming.ended:
            part = (await next_message(incoming)).get("body", b"")
            self.storage.grow(stored, len(part))
            if part:
                yield part


def _move(form: FormData, stored: Stored) -> list[Path]:
    """Give each file its own name, in a folder of its own. Raises Refusal where there is none."""
    paths = []
    for number, file in enumerate(form.getlist("files")):
        if not isinstance(file, GradioUploadFile):
            raise Refusal(400, "the part files is no file; give it a file name.")
        name = strip_invalid_filename_characters(Path(file.filename or "").name) or "clip"
        file.file.close()
        path = stored.folder / str(number) / name
        path.parent.mkdir()
        Path(file.file.name).rename(path)
        paths.append(path)
    if not paths:
        raise Refusal(400, "no file came; expected multipart/form-data with the part files.")
    return paths


def _refusal(error: BaseException) -> Refusal:
    """What is said of an upload that failed; other errors go on."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, StorageError):
        return Refusal(error.status, str(error))
    if isinstance(error, MultiPartException):
        if "size exceeded" in error.message:
            return Refusal(
                413,
                "the file is larger than {most_bytes} MB; give a shorter piece.",
                most_bytes=MOST_BYTES >> 20,
            )
        return Refusal(400, "the form can't be read; expected multipart/form-data with files.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _refusal(full_disk())
    raise error


def _forget_progress(upload_id: str) -> None:
    file_upload_statuses.stop_tracking(upload_id)
    file_upload_statuses._signals.pop(upload_id, None)
